// Each kind of token opens its own door and no other.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { challengeOf, finish, logIn, registerGuarded } from './factor-support.ts';
import { openTestIdentity, register, welcomeTokenOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_token_kinds');
  call = identity.call;
});
afterAll(() => identity.close());

test('28 an access token of a tenant is none at another, whatever the header says', async () => {
  for (const tenant of ['acme', 'other']) {
    const theirs = await register(identity, 'other');
    const answer = await call('GET', '/profile', { bearer: theirs.accessToken, tenant });
    expect(answer.status).toBe(tenant === 'other' ? 200 : 403);
  }
});

test('29 no refresh, mail, device or challenge token is an access token, nor the other way around', async () => {
  const ada = await register(identity);
  const guarded = await registerGuarded(identity);
  const { deviceToken } = (await logIn(identity, ada.email)).body;
  const challenge = await challengeOf(identity, guarded.email);
  const mailToken = await welcomeTokenOf(identity, 'acme', ada.id);
  const others = [guarded.refreshToken, mailToken, deviceToken, challenge, guarded.recoveryCodes[0]];
  for (const token of others) {
    expect(token).toBeTypeOf('string');
    const answer = await call('GET', '/profile', { bearer: token ?? '' });
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
  }
  const token = guarded.accessToken;
  expect((await call('POST', '/token/refresh', { body: { refreshToken: token } })).status).toBe(401);
  for (const path of ['/email/verify', '/email/change/confirm']) {
    expect((await call('POST', path, { body: { token } })).body.code).toBe('invalid_token');
  }
  const body = { token, password: 'another battery, another staple' };
  expect((await call('POST', '/password/reset', { body })).body.code).toBe('invalid_token');
  expect((await finish(identity, token, '123456')).status).toBe(401);
});
