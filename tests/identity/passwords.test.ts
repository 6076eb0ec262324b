// Passwords: every byte counts, a stolen or poisoned table helps nobody, and hashing never takes the machine.
import { createHmac } from 'node:crypto';
import bcrypt from 'bcrypt';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { requireGoodPassword } from '#api/identity/password-rules.ts';
import { createPasswords, sealForeignHash } from '#api/identity/passwords.ts';
import { loadConfig } from '#shared/config/env.ts';
import type { Problem } from '#shared/contracts/problem.ts';
import { createLog } from '#shared/runtime/log.ts';
import { createMetrics } from '#shared/runtime/metrics.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { tenantSettings } from '#shared/tenants/settings.ts';

const oldKey = 'the-old-secret-key-of-this-deployment';
const newKey = 'the-new-secret-key-of-this-deployment';
const tenant = 'acme';

function passwordsWith(secretKeys: string[], cost = '4') {
  const services = {
    config: loadConfig({ BCRYPT_COST: cost }),
    keyring: createKeyring(secretKeys),
    metrics: createMetrics(),
    log: createLog('silent', 'test'),
  };
  return { ...services, passwords: createPasswords(services) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a password', () => {
  const { passwords, keyring } = passwordsWith([newKey]);

  test('is stored as bcrypt over an HMAC, with the scheme, the key id and the cost', async () => {
    const stored = await passwords.hash(tenant, 'correct horse');
    expect(stored.hash).toMatch(/^\$2b\$04\$/);
    expect(stored.scheme).toBe(`bcrypt-hmac-sha256:${keyring.keyId}:4`);
    const inner = createHmac('sha256', keyring.derive('password-pepper'))
      .update('correct horse')
      .digest('base64');
    expect(await bcrypt.compare(inner, stored.hash)).toBe(true);
    expect(await bcrypt.compare('correct horse', stored.hash)).toBe(false);
    expect(await passwords.verify(tenant, 'correct horse', stored)).toEqual({ ok: true, rehash: false });
    expect(await passwords.verify(tenant, 'correct horsE', stored)).toEqual({ ok: false, rehash: false });
  });

  test('of another system is right once, sealed until then, and of no use to whoever reads or writes the table', async () => {
    const foreign = await bcrypt.hash('an old password', 5);
    const stored = sealForeignHash(keyring, foreign);
    expect(stored.hash).not.toContain(foreign.slice(7));
    expect(stored.scheme).toBe(`sealed-bcrypt:${keyring.keyId}:5`);
    expect(await passwords.verify(tenant, 'an old password', stored)).toEqual({ ok: true, rehash: true });
    const refused = { ok: false, rehash: false };
    expect(await passwords.verify(tenant, 'an old passworD', stored)).toEqual(refused);
    const elsewhere = sealForeignHash(createKeyring([oldKey]), foreign);
    for (const hash of [foreign, elsewhere.hash]) {
      expect(await passwords.verify(tenant, 'an old password', { ...stored, hash })).toEqual(refused);
    }
    expect(await passwords.verify(tenant, 'an old password', { hash: foreign, scheme: 'bcrypt:5' })).toEqual(
      refused,
    );
  });

  test.each([
    ['a difference at byte 73', `${'x'.repeat(72)}a`, `${'x'.repeat(72)}b`],
    ['a difference after a NUL', 'before\0after-one', 'before\0after-two'],
    ['a space at the end', 'correct horse', 'correct horse '],
    ['another Unicode form', 'caf\u00e9-caf\u00e9', 'cafe\u0301-cafe\u0301'],
  ])('3, 4 is wrong for %s', async (_name, right, wrong) => {
    const stored = await passwords.hash(tenant, right);
    expect((await passwords.verify(tenant, right, stored)).ok).toBe(true);
    expect((await passwords.verify(tenant, wrong, stored)).ok).toBe(false);
  });

  test('2 may be 64 four-byte emoji', async () => {
    const emoji = '🦊'.repeat(64);
    const stored = await passwords.hash(tenant, emoji);
    expect((await passwords.verify(tenant, emoji, stored)).ok).toBe(true);
    expect((await passwords.verify(tenant, '🦊'.repeat(63), stored)).ok).toBe(false);
  });
});

describe('a stored password', () => {
  test('14 under a previous secret key is right, and to be hashed again', async () => {
    const stored = await passwordsWith([oldKey]).passwords.hash(tenant, 'correct horse');
    const { passwords } = passwordsWith([newKey, oldKey]);
    expect(await passwords.verify(tenant, 'correct horse', stored)).toEqual({ ok: true, rehash: true });
    expect(await passwords.verify(tenant, 'wrong horse', stored)).toEqual({ ok: false, rehash: false });
  });

  test('under a key that is gone is never right', async () => {
    const stored = await passwordsWith([oldKey]).passwords.hash(tenant, 'correct horse');
    expect(await passwordsWith([newKey]).passwords.verify(tenant, 'correct horse', stored)).toEqual({
      ok: false,
      rehash: false,
    });
  });

  test('14 of another cost is right, and to be hashed again', async () => {
    const stored = await passwordsWith([newKey], '5').passwords.hash(tenant, 'correct horse');
    expect(await passwordsWith([newKey]).passwords.verify(tenant, 'correct horse', stored)).toEqual({
      ok: true,
      rehash: true,
    });
  });

  test('8 of an older cost takes the work of one of today, right or wrong', async () => {
    const stored = await passwordsWith([newKey], '4').passwords.hash(tenant, 'correct horse');
    const { passwords } = passwordsWith([newKey], '7');
    const compare = vi.spyOn(bcrypt, 'compare');
    const workOf = async (password: string, of: typeof stored | undefined) => {
      compare.mockClear();
      await passwords.verify(tenant, password, of);
      return compare.mock.calls.reduce((sum, [, hash]) => sum + 2 ** bcrypt.getRounds(hash), 0);
    };
    expect(await workOf('correct horse', stored)).toBe(2 ** 7);
    expect(await workOf('wrong horse', stored)).toBe(2 ** 7);
    expect(await workOf('wrong horse', undefined)).toBe(2 ** 7);
  });

  test('14 that asks for a cost above 14, or is no bcrypt hash, costs no more than an unknown user', async () => {
    const { passwords, keyring } = passwordsWith([newKey]);
    const compare = vi.spyOn(bcrypt, 'compare');
    const scheme = `bcrypt-hmac-sha256:${keyring.keyId}:4`;
    const tail = (await passwords.hash(tenant, 'x')).hash.slice(7);
    for (const hash of [`$2b$15$${tail}`, `$2b$31$${tail}`, 'plain text', '', `$2b$04$${tail}x`]) {
      expect(await passwords.verify(tenant, 'x', { hash, scheme })).toEqual({ ok: false, rehash: false });
    }
    expect(await passwords.verify(tenant, 'x', { hash: `$2b$04$${tail}`, scheme: 'md5' })).toEqual({
      ok: false,
      rehash: false,
    });
    const compared = compare.mock.calls.map(([, hash]) => hash);
    expect(compared).toHaveLength(6);
    expect(new Set(compared).size).toBe(1);
    expect(bcrypt.getRounds(compared[0] ?? '')).toBe(4);
  });

  test('9 that does not exist is compared with a valid hash of the cost of today', async () => {
    const { passwords } = passwordsWith([newKey], '6');
    const compare = vi.spyOn(bcrypt, 'compare');
    expect(await passwords.verify(tenant, 'anything', undefined)).toEqual({ ok: false, rehash: false });
    const [peppered, hash] = compare.mock.calls[0] ?? [];
    expect(hash).toMatch(/^\$2b\$06\$[./A-Za-z0-9]{53}$/);
    // An invalid hash would be refused without any work, and the answer would come too soon.
    expect(await timeOf(() => bcrypt.compare(String(peppered), String(hash)))).toBeGreaterThan(0.5);
  });
});

describe('a new password', () => {
  const acme = { slug: 'acme', name: 'Acme Games', settings: tenantSettings.parse({}) } as Tenant;
  const codeOf = (password: string, of: Tenant = acme) => {
    try {
      requireGoodPassword(of, 'ada.lovelace@example.com', password, '/password');
      return 'good';
    } catch (error) {
      return (error as Problem).code;
    }
  };

  test.each([
    ['1', 'seven characters', 'x7!Kq0_', 'invalid_input'],
    ['1', 'eight characters', 'x7!Kq0_z', 'good'],
    ['1', 'seven emoji of two code units each', '🦊'.repeat(7), 'invalid_input'],
    ['1', 'eight emoji', '🦊'.repeat(8), 'good'],
    ['5', 'only letters, as there are no rules of composition', 'qbzvkwmdtx', 'good'],
    ['5', 'only digits', '730195284462', 'good'],
    ['6', 'the address', 'ada.lovelace@example.com', 'password_compromised'],
    ['6', 'the address in capitals', 'ADA.LOVELACE@EXAMPLE.COM', 'password_compromised'],
    ['6', "the tenant's name", ' acme games ', 'password_compromised'],
    ['6', 'a leak', 'password123', 'password_compromised'],
    ['6', 'a leak, in capitals', 'PassWord123', 'password_compromised'],
    ['6', 'a leak, in wide letters', 'ｐａｓｓｗｏｒｄ１２３', 'password_compromised'],
    ['6', 'a leak, with spaces around', ' password123 ', 'password_compromised'],
  ])('%s of %s is answered as it should', (_number, _name, password, expected) => {
    expect(codeOf(password)).toBe(expected);
  });

  test('1 needs as many characters as the tenant wants', () => {
    const strict = {
      ...acme,
      slug: 'a-long-slug-of-a-tenant',
      settings: tenantSettings.parse({ passwordLengthMin: 15 }),
    };
    expect(codeOf('73019528446210', strict)).toBe('invalid_input');
    expect(codeOf('730195284462108', strict)).toBe('good');
    expect(codeOf('a-long-slug-of-a-tenant', strict)).toBe('password_compromised');
  });
});

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
