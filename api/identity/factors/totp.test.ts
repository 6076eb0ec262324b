// Codes against the standard's own table, and the window at its edges, where a clock that runs would decide.
import { Secret } from 'otpauth';
import { describe, expect, test } from 'vitest';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.ts';
import { newTotp, stepOfCode } from './totp.ts';

/** The secret of RFC 6238 appendix B. Its codes have eight digits: ours are their last six (RFC 4226 section 5.3). */
const secret = Secret.fromUTF8('12345678901234567890').base32;
const table: [seconds: number, code: string][] = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
];

test.each(table)('RFC 6238: at %i seconds the code is %s', (seconds, code) => {
  expect(stepOfCode(secret, code, seconds * 1000)).toBe(Math.floor(seconds / 30));
});

describe('a code', () => {
  const step = Math.floor(1_234_567_890 / 30);
  const at = (seconds: number) => stepOfCode(secret, '005924', (step * 30 + seconds) * 1000);

  test('is good for its half minute, one before and one after, to the second', () => {
    expect([-31, -30, 0, 29, 59, 60].map(at)).toEqual([undefined, step, step, step, step, undefined]);
  });

  test('of another length or with other characters is none', () => {
    const codes = ['05924', '0005924', '00592a', '', '005 924'];
    const now = 1_234_567_890_000;
    expect(codes.map((code) => stepOfCode(secret, code, now))).toEqual(codes.map(() => undefined));
  });
});

test('a secret has 160 bits, and names that look like syntax stay names in its address', () => {
  const { secret: made, uri } = newTotp('A:B & Söhne/%', 'ada+x@example.com');
  expect(Secret.fromBase32(made).bytes).toHaveLength(20);
  const { pathname, searchParams } = new URL(uri);
  expect(pathname.slice(1).split(':').map(decodeURIComponent)).toEqual([
    'A:B & Söhne/%',
    'ada+x@example.com',
  ]);
  expect(searchParams.get('issuer')).toBe('A:B & Söhne/%');
  expect(newTotp('a', 'b').secret).not.toBe(made);
});

test('recovery codes differ, use every letter of theirs, and are found only under their own user', () => {
  const codes = Array.from({ length: 50 }, newRecoveryCodes).flat();
  expect(new Set(codes).size).toBe(500);
  const letters = new Set(codes.join('').replaceAll('-', ''));
  expect([...letters].sort().join('')).toBe('23456789abcdefghjkmnpqrstuvwxyz');
  const [code] = codes as [string];
  const hash = recoveryCodeHash('user-1', code)?.toString('hex');
  expect(recoveryCodeHash('user-1', ` ${code.toUpperCase().replaceAll('-', ' ')}`)?.toString('hex')).toBe(
    hash,
  );
  expect(recoveryCodeHash('user-2', code)?.toString('hex')).not.toBe(hash);
  expect(recoveryCodeHash('user-1', code.slice(1))).toBeUndefined();
});
