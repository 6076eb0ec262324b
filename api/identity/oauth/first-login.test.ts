// The decision alone, for what the providers of today never say but might.
import { expect, test } from 'vitest';
import { decideFirstLogin } from './first-login.ts';

const owner = { emailVerified: true, linkedElsewhere: false };
const said = { email: 'ada@example.com', emailVerified: true };

test('Facebook’s word for an address counts for nothing, also if it began to give one', () => {
  const facebook = { ...said, provider: 'facebook' as const };
  expect(decideFirstLogin(facebook, undefined)).toEqual({ action: 'create', withAddress: false });
  expect(decideFirstLogin(facebook, owner)).toEqual({ action: 'ask' });
  expect(decideFirstLogin(facebook, { ...owner, emailVerified: false })).toEqual({ action: 'ask' });
});

test('an account that was never proven goes to its owner, also with another identity in it', () => {
  const google = { ...said, provider: 'google' as const };
  const squatted = { emailVerified: false, linkedElsewhere: true };
  expect(decideFirstLogin(google, squatted)).toEqual({ action: 'reclaim' });
  expect(decideFirstLogin(google, { ...owner, linkedElsewhere: true })).toEqual({ action: 'ask' });
});
