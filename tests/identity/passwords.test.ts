// Passwords: every byte counts, a stolen or poisoned table helps nobody, and hashing never takes the machine.
import { createHmac } from 'node:crypto';
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createHashGate } from '#api/identity/hash-gate.ts';
import { requireGoodPassword } from '#api/identity/password-rules.ts';
import { createPasswords } from '#api/identity/passwords.ts';
import { loadConfig } from '#shared/config/env.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { createLog } from '#shared/runtime/log.ts';
import { createMetrics } from '#shared/runtime/metrics.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { tenantSettings } from '#shared/tenants/settings.ts';

const oldKey = 'the-old-secret-key-of-this-deployment';
const newKey = 'the-new-secret-key-of-this-deployment';

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
    const stored = await passwords.hash('correct horse');
    expect(stored.hash).toMatch(/^\$2b\$04\$/);
    expect(stored.scheme).toBe(`bcrypt-hmac-sha256:${keyring.keyId}:4`);
    const inner = createHmac('sha256', keyring.derive('password-pepper'))
      .update('correct horse')
      .digest('base64');
    expect(await bcrypt.compare(inner, stored.hash)).toBe(true);
    expect(await bcrypt.compare('correct horse', stored.hash)).toBe(false);
    expect(await passwords.verify('correct horse', stored)).toEqual({ ok: true, rehash: false });
    expect(await passwords.verify('correct horsE', stored)).toEqual({ ok: false, rehash: false });
  });

  test.each([
    ['a difference at byte 73', `${'x'.repeat(72)}a`, `${'x'.repeat(72)}b`],
    ['a difference after a NUL', 'before\0after-one', 'before\0after-two'],
    ['a space at the end', 'correct horse', 'correct horse '],
    ['another Unicode form', 'caf\u00e9-caf\u00e9', 'cafe\u0301-cafe\u0301'],
  ])('is wrong for %s', async (_name, right, wrong) => {
    const stored = await passwords.hash(right);
    expect((await passwords.verify(right, stored)).ok).toBe(true);
    expect((await passwords.verify(wrong, stored)).ok).toBe(false);
  });

  test('may be 64 four-byte emoji', async () => {
    const emoji = '🦊'.repeat(64);
    const stored = await passwords.hash(emoji);
    expect((await passwords.verify(emoji, stored)).ok).toBe(true);
    expect((await passwords.verify('🦊'.repeat(63), stored)).ok).toBe(false);
  });
});

describe('a stored password', () => {
  test('under a previous secret key is right, and to be hashed again', async () => {
    const stored = await passwordsWith([oldKey]).passwords.hash('correct horse');
    const { passwords } = passwordsWith([newKey, oldKey]);
    expect(await passwords.verify('correct horse', stored)).toEqual({ ok: true, rehash: true });
    expect(await passwords.verify('wrong horse', stored)).toEqual({ ok: false, rehash: false });
  });

  test('under a key that is gone is never right', async () => {
    const stored = await passwordsWith([oldKey]).passwords.hash('correct horse');
    expect(await passwordsWith([newKey]).passwords.verify('correct horse', stored)).toEqual({
      ok: false,
      rehash: false,
    });
  });

  test('of another cost is right, and to be hashed again', async () => {
    const stored = await passwordsWith([newKey], '5').passwords.hash('correct horse');
    expect(await passwordsWith([newKey]).passwords.verify('correct horse', stored)).toEqual({
      ok: true,
      rehash: true,
    });
  });

  test('that asks for a cost above 14, or is no bcrypt hash, costs no more than an unknown user', async () => {
    const { passwords, keyring } = passwordsWith([newKey]);
    const compare = vi.spyOn(bcrypt, 'compare');
    const scheme = `bcrypt-hmac-sha256:${keyring.keyId}:4`;
    const tail = (await passwords.hash('x')).hash.slice(7);
    for (const hash of [`$2b$15$${tail}`, `$2b$31$${tail}`, 'plain text', '', `$2b$04$${tail}x`]) {
      expect(await passwords.verify('x', { hash, scheme })).toEqual({ ok: false, rehash: false });
    }
    expect(await passwords.verify('x', { hash: `$2b$04$${tail}`, scheme: 'md5' })).toEqual({
      ok: false,
      rehash: false,
    });
    const compared = compare.mock.calls.map(([, hash]) => hash);
    expect(compared).toHaveLength(6);
    expect(new Set(compared).size).toBe(1);
    expect(bcrypt.getRounds(compared[0] ?? '')).toBe(4);
  });

  test('that does not exist is compared with a valid hash of the cost of today', async () => {
    const { passwords } = passwordsWith([newKey], '6');
    const compare = vi.spyOn(bcrypt, 'compare');
    expect(await passwords.verify('anything', undefined)).toEqual({ ok: false, rehash: false });
    const [peppered, hash] = compare.mock.calls[0] ?? [];
    expect(hash).toMatch(/^\$2b\$06\$[./A-Za-z0-9]{53}$/);
    // An invalid hash would be refused without any work, and the answer would come too soon.
    expect(await timeOf(() => bcrypt.compare(String(peppered), String(hash)))).toBeGreaterThan(0.5);
  });
});

describe('hashing', () => {
  test('runs at most one less than there are cores, and tells how many wait', async () => {
    const { passwords, metrics } = passwordsWith([newKey]);
    let running = 0;
    let most = 0;
    let mostWaiting = 0;
    const real = bcrypt.hash.bind(bcrypt);
    vi.spyOn(bcrypt, 'hash').mockImplementation(async (data: string | Buffer, rounds: string | number) => {
      running += 1;
      most = Math.max(most, running);
      mostWaiting = Math.max(mostWaiting, (await metrics.hashQueue.get()).values[0]?.value ?? 0);
      const hash = await real(data, rounds);
      running -= 1;
      return hash;
    });
    await Promise.all(Array.from({ length: 20 }, (_, index) => passwords.hash(`password ${index}`)));
    const slots = Math.max(1, availableParallelism() - 1);
    expect(most).toBe(Math.min(slots, 20));
    expect(mostWaiting).toBe(20 - Math.min(slots, 20));
    expect((await metrics.hashQueue.get()).values[0]?.value).toBe(0);
  });

  test('is refused with 503 and Retry-After once the queue is full, and goes on afterwards', async () => {
    const { passwords } = passwordsWith([newKey]);
    const slots = Math.max(1, availableParallelism() - 1);
    const results = await Promise.allSettled(
      Array.from({ length: slots + 64 + 5 }, () => passwords.verify('x', undefined)),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(5);
    for (const { reason } of refused) {
      expect(reason).toBeInstanceOf(Problem);
      expect(reason).toMatchObject({ code: 'overloaded', status: 503, retryAfterSeconds: 2 });
    }
    expect(await passwords.verify('x', undefined)).toEqual({ ok: false, rehash: false });
  });

  test('gives the slot back when it fails, in the order of arrival', async () => {
    const gate = createHashGate({ parallelMax: 1, waitingMax: 10, onWaiting: () => undefined });
    const order: number[] = [];
    const fail = gate.run(() => Promise.reject(new Error('broken')));
    const rest = [1, 2, 3].map((n) => gate.run(async () => order.push(n)));
    await expect(fail).rejects.toThrow('broken');
    await Promise.all(rest);
    expect(order).toEqual([1, 2, 3]);
  });
});

describe('a new password', () => {
  const tenant = { slug: 'acme', name: 'Acme Games', settings: tenantSettings.parse({}) } as Tenant;
  const codeOf = (password: string, of: Tenant = tenant) => {
    try {
      requireGoodPassword(of, 'ada.lovelace@example.com', password, '/password');
      return 'good';
    } catch (error) {
      return (error as Problem).code;
    }
  };

  test.each([
    ['seven characters', '1234567', 'invalid_input'],
    ['eight characters', '12345678', 'good'],
    ['seven emoji of two code units each', '🦊'.repeat(7), 'invalid_input'],
    ['eight emoji', '🦊'.repeat(8), 'good'],
    ['the address', 'ada.lovelace@example.com', 'password_compromised'],
    ['the address in capitals', 'ADA.LOVELACE@EXAMPLE.COM', 'password_compromised'],
    ["the tenant's name", ' acme games ', 'password_compromised'],
    ['only letters, as there are no rules of composition', 'abcdefghij', 'good'],
  ])('of %s is answered as it should', (_name, password, expected) => {
    expect(codeOf(password)).toBe(expected);
  });

  test('needs as many characters as the tenant wants', () => {
    const strict = {
      ...tenant,
      slug: 'a-long-slug-of-a-tenant',
      settings: tenantSettings.parse({ passwordLengthMin: 15 }),
    };
    expect(codeOf('12345678901234', strict)).toBe('invalid_input');
    expect(codeOf('123456789012345', strict)).toBe('good');
    expect(codeOf('a-long-slug-of-a-tenant', strict)).toBe('password_compromised');
  });
});

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
