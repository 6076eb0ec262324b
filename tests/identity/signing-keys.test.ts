// Signing keys: rotated under load of two processes without a restart, and revoked everywhere at once.
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { notify } from '#shared/db/listen.ts';
import { createSigningKey, openSigningKeys } from '#shared/tenants/signing-keys.ts';
import { cloneDatabase, type TestDatabase } from '#tests/support/database.ts';
import { operatorToken, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { openProcess, type Process } from './api-process.ts';
import { goodPassword } from './support.ts';

let database: TestDatabase;
let first: Process;
let second: Process;

beforeAll(async () => {
  database = await cloneDatabase('signing_keys');
  first = await openProcess(database.url);
  second = await openProcess(database.url);
});
afterAll(async () => {
  await first?.close();
  await second?.close();
  await database?.drop();
});

async function addTenant(): Promise<string> {
  const slug = uniqueSlug();
  const body = { slug, name: slug };
  expect((await first.call('POST', '/operator/tenants', { bearer: operatorToken, body })).status).toBe(201);
  return slug;
}

let counter = 0;
async function enter(process: Process, tenant: string) {
  counter += 1;
  const body = { email: `user${counter}@example.com`, password: goodPassword };
  const answer = await process.call('POST', '/register', { tenant, body });
  expect(answer.status).toBe(201);
  return answer.body as { accessToken: string; refreshToken: string };
}

const keysOf = (slug: string) => `/operator/tenants/${slug}/signing-keys`;
const asOperator = { bearer: operatorToken };
const rotate = (slug: string, body: object = {}) => first.call('POST', keysOf(slug), { ...asOperator, body });
const revoke = (slug: string, kid: string) => first.call('DELETE', `${keysOf(slug)}/${kid}`, asOperator);
const list = async (slug: string): Promise<{ kid: string; status: string }[]> =>
  (await first.call('GET', keysOf(slug), asOperator)).body.data;
const statesOf = async (slug: string) => (await list(slug)).map((key) => key.status);
const kidOf = (token: string) => decodeProtectedHeader(token).kid ?? '';
const statusOf = async (process: Process, bearer: string) =>
  (await process.call('GET', '/profile', { bearer })).status;
const both = (bearer: string) => Promise.all([statusOf(first, bearer), statusOf(second, bearer)]);
const published = async (process: Process, slug: string): Promise<string[]> =>
  (await process.call('GET', `/.well-known/jwks.json?tenant=${slug}`)).body.keys.map(
    (key: { kid: string }) => key.kid,
  );

describe('35 a rotation', () => {
  test('publishes the new key at once, signs with it later, and logs nobody out, in two processes', async () => {
    const slug = await addTenant();
    const old = await enter(first, slug);
    expect(await both(old.accessToken)).toEqual([200, 200]);
    const { status, body } = await rotate(slug, { activateInSeconds: 2 });
    expect([status, body.key.status]).toEqual([201, 'pending']);
    const { kid } = body.key;
    const oldKid = kidOf(old.accessToken);
    for (const process of [first, second]) {
      await until('the new key to be published', async () => (await published(process, slug)).includes(kid));
      expect(await published(process, slug)).toEqual([oldKid, kid]);
    }
    expect(kidOf((await enter(second, slug)).accessToken)).toBe(oldKid);
    expect(await statesOf(slug)).toEqual(['signing', 'pending']);
    for (const process of [second, first]) {
      const fresh = await until('the new key to sign', async () => {
        const { accessToken } = await enter(process, slug);
        return kidOf(accessToken) === kid ? accessToken : undefined;
      });
      expect(await both(fresh)).toEqual([200, 200]);
    }
    expect(await statesOf(slug)).toEqual(['retired', 'signing']);
    expect(await both(old.accessToken)).toEqual([200, 200]);
    expect(await published(second, slug)).toEqual([oldKid, kid]);
  });

  test('without a word of when signs after the time that verifiers may keep the keys', async () => {
    const slug = await addTenant();
    const { key } = (await rotate(slug)).body;
    expect(Date.parse(key.activatesAt) - Date.parse(key.createdAt)).toBeGreaterThan(295_000);
    const [before] = (await first.call('GET', keysOf(slug), asOperator)).body.data;
    expect(before.retiredAt).toBe(key.activatesAt);
  });

  test('lets a retired key go once the last token that it signed is over', async () => {
    const slug = await addTenant();
    const old = await enter(first, slug);
    const { kid } = (await rotate(slug, { activateInSeconds: 0 })).body.key;
    expect(await published(first, slug)).toHaveLength(2);
    await first.services.db.owner.query(
      `update coinlane.signing_keys set retired_at = now() - interval '21 minutes' where kid = $1`,
      [kidOf(old.accessToken)],
    );
    first.services.signingKeys.forget(slug);
    expect(await published(first, slug)).toEqual([kid]);
    expect(await statusOf(first, old.accessToken)).toBe(401);
  });
});

describe('35 an emergency', () => {
  test('ends every token of the key at once in every process, by heart or not, and another key signs', async () => {
    const slug = await addTenant();
    const neighbour = await addTenant();
    const safe = await enter(first, neighbour);
    const user = await enter(first, slug);
    const kid = kidOf(user.accessToken);
    expect(await both(user.accessToken)).toEqual([200, 200]);
    const started = performance.now();
    expect((await revoke(slug, kid)).status).toBe(204);
    expect(await statusOf(first, user.accessToken)).toBe(401);
    await until(
      'the other process to hear of it',
      async () => (await statusOf(second, user.accessToken)) === 401,
      2000,
    );
    // Sooner than anything that is remembered is read again: the note did it.
    expect(performance.now() - started).toBeLessThan(3000);
    expect(await published(second, slug)).not.toContain(kid);
    const renewed = await second.call('POST', '/token/refresh', {
      body: { refreshToken: user.refreshToken },
    });
    expect(renewed.status).toBe(200);
    expect(kidOf(renewed.body.accessToken)).not.toBe(kid);
    expect(await both(renewed.body.accessToken)).toEqual([200, 200]);
    expect(await both(safe.accessToken)).toEqual([200, 200]);
    expect(await statesOf(slug)).toEqual(['revoked', 'signing']);
    const audit = await first.services.db.owner.query(
      `select actor, action, target from coinlane.audit where tenant = $1 and action like 'signing_key%'`,
      [slug],
    );
    expect(audit.rows).toEqual([{ actor: 'operator:token', action: 'signing_key.revoke', target: kid }]);
  });

  test('during a rotation brings the new key forward, or leaves the old one in place', async () => {
    const slug = await addTenant();
    const [old] = await list(slug);
    const forward = (await rotate(slug, { activateInSeconds: 600 })).body.key.kid;
    await revoke(slug, old?.kid ?? '');
    expect(await statesOf(slug)).toEqual(['revoked', 'signing']);
    expect(kidOf((await enter(first, slug)).accessToken)).toBe(forward);
    const stillborn = (await rotate(slug, { activateInSeconds: 1 })).body.key.kid;
    await revoke(slug, stillborn);
    expect(await statesOf(slug)).toEqual(['revoked', 'signing', 'revoked']);
    const [, kept] = (await first.call('GET', keysOf(slug), asOperator)).body.data;
    expect(kept.retiredAt).toBeNull();
    expect(kidOf((await enter(first, slug)).accessToken)).toBe(forward);
  });

  test('is found out within seconds where no note came', async () => {
    const slug = await addTenant();
    const user = await enter(second, slug);
    expect(await statusOf(second, user.accessToken)).toBe(200);
    const { owner } = first.services.db;
    await createSigningKey(owner, first.services.keyring, slug);
    await owner.query(`update coinlane.signing_keys set revoked_at = now() where kid = $1`, [
      kidOf(user.accessToken),
    ]);
    await until('the look', async () => (await statusOf(second, user.accessToken)) === 401, 7000);
  });

  test('of a key that is not the tenant’s, or was revoked before, is 404, and nothing changes', async () => {
    const [slug, neighbour] = [await addTenant(), await addTenant()];
    const [theirs] = await list(neighbour);
    for (const kid of [theirs?.kid ?? '', 'x', crypto.randomUUID()]) {
      expect((await revoke(slug, kid)).body.code).toBe('not_found');
    }
    expect(await statesOf(neighbour)).toEqual(['signing']);
    expect((await first.call('GET', keysOf(slug))).status).toBe(401);
    expect((await first.call('GET', keysOf('nobody'), asOperator)).body.code).toBe('tenant_not_found');
    for (const body of [{ activateInSeconds: -1 }, { activateInSeconds: 1.5 }, { kid: 'mine' }]) {
      expect((await rotate(slug, body)).body.code).toBe('invalid_input');
    }
  });
});

describe('keys that a process does not know', () => {
  test('35 are looked for, once in a while, however many are made up', async () => {
    const slug = await addTenant();
    const { accessToken } = await enter(first, slug);
    let looks = 0;
    const deaf = await openSigningKeys(
      {
        query: (...args: Parameters<typeof first.services.db.app.query>) => {
          looks += 1;
          return first.services.db.app.query(...args);
        },
      } as unknown as typeof first.services.db.app,
      first.services.keyring,
      { on: async () => undefined },
    );
    await deaf.of(slug);
    const { kid } = (await rotate(slug, { activateInSeconds: 0 })).body.key;
    expect((await deaf.of(slug)).verifying.has(kid)).toBe(false);
    const seen = await Promise.all(Array.from({ length: 50 }, () => deaf.again(slug)));
    expect(seen.every((keys) => keys.verifying.has(kid))).toBe(true);
    expect(looks).toBe(2);
    // The same by made-up tokens at the door, once the news of the rotation, which comes first, has come.
    const { listener, db } = first.services;
    const news = Promise.withResolvers<void>();
    await listener.on('signing_keys_test', () => news.resolve());
    await notify(db.app, 'signing_keys_test', '');
    await news.promise;
    const query = first.services.db.app.query.bind(first.services.db.app);
    let read = 0;
    first.services.db.app.query = ((...args: Parameters<typeof query>) => {
      if (JSON.stringify(args).includes('signing_keys')) read += 1;
      return query(...args);
    }) as typeof query;
    const { signing } = await first.services.signingKeys.of(slug);
    const started = performance.now();
    for (let index = 0; index < 30; index += 1) {
      const forged = await new SignJWT({ iss: `http://127.0.0.1/t/${slug}`, sid: 'x', client_id: slug })
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: crypto.randomUUID() })
        .setAudience(`coinlane:${slug}`)
        .setSubject('x')
        .setExpirationTime('1 minute')
        .sign(signing.key);
      expect(await statusOf(first, forged)).toBe(401);
    }
    first.services.db.app.query = query;
    expect(read).toBeGreaterThan(0);
    // A look in three seconds, however long a busy machine takes for the thirty.
    expect(read).toBeLessThanOrEqual(2 + Math.floor((performance.now() - started) / 3000));
    expect(await statusOf(first, accessToken)).toBe(200);
  });

  test('the new key verifies what it signs with the published set alone', async () => {
    const slug = await addTenant();
    const { kid } = (await rotate(slug, { activateInSeconds: 0 })).body.key;
    const { accessToken } = await enter(second, slug);
    expect(kidOf(accessToken)).toBe(kid);
    const { verifying } = await first.services.signingKeys.of(slug);
    const key = verifying.get(kid);
    expect(key).toBeDefined();
    if (key) await jwtVerify(accessToken, key, { audience: `coinlane:${slug}`, typ: 'at+jwt' });
  });
});
