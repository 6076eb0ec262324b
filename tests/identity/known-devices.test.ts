// A device token names one device of one user, as long as the password is the same, and is no key to anything.
import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { judged } from '#api/identity/judged.ts';
import { isDeviceOf, newDeviceToken, readDeviceToken } from '#api/identity/known-devices.ts';
import { Problem, type ProblemCode } from '#shared/contracts/problem.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';

const keyring = createKeyring(['a-secret-key-for-the-tests-of-identity']);
const ada = { id: randomUUID(), passwordHash: '$2b$04$one' };
const dayMs = 24 * 3600 * 1000;

describe('11 a device token', () => {
  const token = newDeviceToken(keyring, 'acme', ada);

  test('names the same device again, of its user only, and another one each time', () => {
    const device = readDeviceToken(keyring, 'acme', token);
    expect(device).toMatchObject({ deviceId: expect.stringMatching(/^[\w-]{16}$/) });
    expect(readDeviceToken(keyring, 'acme', token)).toEqual(device);
    expect(isDeviceOf(keyring, 'acme', device!, ada)).toBe(true);
    expect(isDeviceOf(keyring, 'acme', device!, { ...ada, id: randomUUID() })).toBe(false);
    expect(isDeviceOf(keyring, 'acme', device!, undefined)).toBe(false);
    const other = readDeviceToken(keyring, 'acme', newDeviceToken(keyring, 'acme', ada));
    expect(other?.deviceId).not.toBe(device?.deviceId);
  });

  test('is nothing once the password is another, or the first one was set', () => {
    const device = readDeviceToken(keyring, 'acme', token)!;
    expect(isDeviceOf(keyring, 'acme', device, { ...ada, passwordHash: '$2b$04$two' })).toBe(false);
    const bare = { id: ada.id, passwordHash: null };
    const bareDevice = readDeviceToken(keyring, 'acme', newDeviceToken(keyring, 'acme', bare))!;
    expect(isDeviceOf(keyring, 'acme', bareDevice, bare)).toBe(true);
    expect(isDeviceOf(keyring, 'acme', bareDevice, ada)).toBe(false);
  });

  test('is nothing at another tenant, under another key, after 180 days, or when any part was changed', () => {
    const read = (text: string | undefined, at?: number) => readDeviceToken(keyring, 'acme', text, at);
    expect(readDeviceToken(keyring, 'other', token)).toBeUndefined();
    expect(
      readDeviceToken(createKeyring(['another-secret-key-of-a-deployment']), 'acme', token),
    ).toBeUndefined();
    expect(read(token, Date.now() + 179 * dayMs)).toBeDefined();
    expect(read(token, Date.now() + 181 * dayMs)).toBeUndefined();
    const parts = token.slice(3).split('.');
    const [id, mark, issued, mac] = parts as [string, string, string, string];
    const forgeries = [
      [id.replace(/^./, id.startsWith('a') ? 'b' : 'a'), mark, issued, mac],
      [id, mark.replace(/^./, mark.startsWith('a') ? 'b' : 'a'), issued, mac],
      [id, mark, (Date.now() + dayMs).toString(36), mac],
      [id, mark, issued, mac.replace(/^./, mac.startsWith('a') ? 'b' : 'a')],
      [id, mark, issued, ''],
      [id, mark, issued],
    ];
    for (const forgery of forgeries) expect(read(`dt_${forgery.join('.')}`)).toBeUndefined();
    for (const text of ['', 'dt_', token.slice(3), `${token}.`, 'x'.repeat(4096), undefined]) {
      expect(read(text)).toBeUndefined();
    }
  });

  test('tells nothing of the user or the password', () => {
    expect(token).not.toContain(ada.id);
    expect(token).not.toContain(ada.passwordHash);
    expect(Buffer.from(token).toString()).not.toContain(Buffer.from(ada.passwordHash).toString('base64url'));
  });
});

describe('a counted attempt', () => {
  const fate = async (work: () => Promise<unknown>) => {
    const ended: string[] = [];
    const attempt = {
      succeeded: async () => void ended.push('given back'),
      abandoned: async () => void ended.push('never was'),
    };
    await judged(attempt, work).catch(() => undefined);
    return ended.join() || 'counts';
  };
  const refuse = (code: ProblemCode) => () => Promise.reject(new Problem(code));

  test.each<[string, () => Promise<unknown>, string]>([
    ['a login', async () => 'in', 'given back'],
    ['a wrong password', refuse('invalid_credentials'), 'counts'],
    ['a right password that needs a second factor', refuse('second_factor_required'), 'given back'],
    ['a right password of a blocked account', refuse('forbidden'), 'given back'],
    ['a right password of an unverified address', refuse('email_not_verified'), 'given back'],
    ['a full queue', refuse('overloaded'), 'never was'],
    ['a database that is gone', refuse('unavailable'), 'never was'],
    ['a fault of ours', () => Promise.reject(new Error('broken')), 'never was'],
  ])('that ends with %s: %#', async (_name, work, expected) => {
    expect(await fate(work)).toBe(expected);
  });
});
