// Line 50: what a secret key may do, how it is replaced, and that it is refused at once, whatever process is asked.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApi, type RunningApi } from '#api/open.ts';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import { openTenantDirectory } from '#shared/tenants/directory.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  eventually,
  registerUser,
  type TestTenant,
} from '#tests/support/client.ts';
import { testSecretKey } from '#tests/support/database.ts';
import { freePort } from '#tests/support/ports.ts';
import { operatorToken, type System, startSystem, testSettings } from '#tests/support/system.ts';

let system: System;
let second: { url: string; api: RunningApi; services: Services; close(): Promise<void> };
let tenant: TestTenant;

/** Another API process on the same database, as far as caches and notifications go. */
async function openSecond() {
  const backend = backends[0] as TestBackend;
  const config = loadConfig(testSettings(system.database.url, await freePort(), backend));
  const log = createLog(config.LOG_LEVEL, 'second');
  const secrets = { operatorToken, secretKeys: [testSecretKey] };
  const services = await openServices({
    config,
    secrets,
    databaseUrl: system.database.url,
    log,
    workers: false,
  });
  const api = await openApi(services);
  const server = await api.listen();
  const close = async () => {
    await server.close();
    await api.close();
    await services.close();
  };
  return { url: `http://127.0.0.1:${server.port}`, api, services, close };
}

beforeAll(async () => {
  system = await startSystem('keys', { backend: backends[0] as TestBackend });
  second = await openSecond();
  tenant = await createTenant(system.url, 'acme');
});
afterAll(async () => {
  await second?.close();
  await system?.close();
});

const operator = (method: string, path: string, body?: unknown): Promise<Answer> =>
  call(method, `${system.url}/operator/tenants/acme/keys${path}`, {
    token: operatorToken,
    ...(body === undefined ? {} : { body }),
  });
const codeOf = ({ status, body }: Answer) => [status, body.code];
const statusAt = async (url: string, token: string) => (await call('GET', `${url}/users`, { token })).status;
async function newKey(scopes = ['read', 'users']): Promise<{ id: string; secret: string }> {
  const { status, body } = await operator('POST', '', { name: 'game server', scopes });
  expect(status).toBe(201);
  return { id: body.key.id, secret: body.secretKey };
}

describe('50 a secret key', () => {
  test('50 keys: beyond its scopes each route says so, and within them it does not', async () => {
    const user = await registerUser(system.url, tenant);
    const doors: Record<string, [string, string, object?]> = {
      read: ['GET', `/wallet/balance?userId=${user.id}`],
      buy: ['POST', '/wallet/buy', { coins: 100, provider: 'sandbox', userId: user.id }],
      spend: ['POST', '/wallet/spend', { amount: 1, userId: user.id }],
      refund: ['POST', '/wallet/refund', { operationId: randomUUID(), userId: user.id }],
      grant: ['POST', '/wallet/grant', { amount: 1, userId: user.id }],
      users: ['GET', '/users'],
    };
    for (const scope of Object.keys(doors)) {
      const { secret } = await newKey([scope]);
      for (const [needed, [method, path, body]] of Object.entries(doors)) {
        const options = { token: secret, key: randomUUID(), ...(body ? { body } : {}) };
        const { code } = (await call(method, `${system.url}${path}`, options)).body;
        const is = expect(code === 'insufficient_scope', `${scope} at ${path}: ${code}`);
        is.toBe(scope !== needed);
      }
    }
  });

  test('50 keys: revoked in one process it is 401 at once there, and in the other as soon as it hears', async () => {
    const { id, secret } = await newKey();
    // Both have it in their memory now.
    expect([await statusAt(system.url, secret), await statusAt(second.url, secret)]).toEqual([200, 200]);
    expect((await operator('DELETE', `/${id}`)).status).toBe(204);
    const revokedAt = performance.now();
    expect(await statusAt(system.url, secret)).toBe(401);
    await eventually('the other process', async () => (await statusAt(second.url, secret)) === 401, 4000);
    // Well below the five seconds that a memory lives: it was told.
    expect(performance.now() - revokedAt).toBeLessThan(4000);
  });

  /** A directory that hears news from the test alone, and gets what it reads only after `proceed`. */
  async function openLateDirectory() {
    const { db, listener } = second.services;
    const { promise: told, resolve: proceed } = Promise.withResolvers<void>();
    const state = { reads: 0, forget: (_slug: string) => {}, proceed };
    const late = {
      query: async (text: string, values: unknown[]) => {
        state.reads += 1;
        const result = await db.app.query(text, values);
        await told;
        return result;
      },
    };
    const deaf = {
      ...listener,
      on: async (_channel: string, hear: (slug: string) => void) => {
        state.forget = hear;
      },
    };
    const directory = await openTenantDirectory({ ...db, app: late } as never, deaf as never);
    return { directory, state };
  }

  test('50 keys: what was read before it was revoked is neither remembered nor shared after the news', async () => {
    const { id, secret } = await newKey();
    const { directory, state } = await openLateDirectory();
    const reading = directory.findKey(secret);
    expect(await statusAt(second.url, secret)).toBe(200);
    expect((await operator('DELETE', `/${id}`)).status).toBe(204);
    state.forget('acme');
    const asked = directory.findKey(secret);
    state.proceed();
    expect(await reading).toMatchObject({ id });
    expect(await asked).toBeUndefined();
    expect(await directory.findKey(secret)).toBeUndefined();
  });

  test('requests of one moment read a key and a tenant once', async () => {
    const { id, secret } = await newKey();
    const { directory, state } = await openLateDirectory();
    const keys = Array.from({ length: 20 }, () => directory.findKey(secret));
    const tenants = Array.from({ length: 20 }, () => directory.find('acme'));
    state.proceed();
    expect((await Promise.all(keys)).map((key) => key?.id)).toEqual(keys.map(() => id));
    expect((await Promise.all(tenants)).map((found) => found?.slug)).toEqual(tenants.map(() => 'acme'));
    // One each, and the key's last use is noted once.
    expect(state.reads).toBe(3);
  });

  test('50 keys: rotated, both work through the overlap, and the old one ends by itself, also where it is remembered', async () => {
    const { id, secret } = await newKey();
    const { status, body } = await operator('POST', `/${id}/rotate`, { overlapSeconds: 2 });
    expect(status).toBe(201);
    expect(body.secretKey).toMatch(/^sk_acme_[\w-]{43}$/);
    expect(body.key).toMatchObject({ name: 'game server', scopes: ['read', 'users'], expiresAt: null });
    for (const url of [system.url, second.url]) {
      expect(await statusAt(url, secret)).toBe(200);
      expect(await statusAt(url, body.secretKey)).toBe(200);
    }
    const listed = (await operator('GET', '')).body.data;
    const old = listed.find((key: { id: string }) => key.id === id);
    expect(Date.parse(old.expiresAt) - Date.now()).toBeLessThan(2000);
    await eventually('the end', async () => Date.now() > Date.parse(old.expiresAt));
    for (const url of [system.url, second.url]) {
      expect(await statusAt(url, secret)).toBe(401);
      expect(await statusAt(url, body.secretKey)).toBe(200);
    }
    expect(codeOf(await operator('POST', `/${id}/rotate`))).toEqual([409, 'key_state']);
  });

  test('50 keys: rotation without a word gives a day, with 0 nothing, and of a dead or unknown key is refused', async () => {
    const first = await newKey();
    const { body } = await operator('POST', `/${first.id}/rotate`);
    const expiry = (await operator('GET', '')).body.data.find((key: { id: string }) => key.id === first.id);
    expect(Math.abs(Date.parse(expiry.expiresAt) - Date.now() - 86_400_000)).toBeLessThan(60_000);
    expect((await operator('POST', `/${body.key.id}/rotate`, { overlapSeconds: 0 })).status).toBe(201);
    expect(await statusAt(system.url, body.secretKey)).toBe(401);
    const dead = await newKey();
    await operator('DELETE', `/${dead.id}`);
    expect(codeOf(await operator('POST', `/${dead.id}/rotate`))).toEqual([409, 'key_state']);
    for (const id of [randomUUID(), 'nonsense']) {
      expect(codeOf(await operator('POST', `/${id}/rotate`))).toEqual([404, 'not_found']);
    }
    for (const overlapSeconds of [-1, 1.5, 2_592_001, '60']) {
      const answer = await operator('POST', `/${first.id}/rotate`, { overlapSeconds });
      expect(codeOf(answer), String(overlapSeconds)).toEqual([422, 'invalid_input']);
    }
  });

  test('50 keys: two rotations at the same moment make one successor', async () => {
    const { id } = await newKey();
    const answers = await Promise.all([operator('POST', `/${id}/rotate`), operator('POST', `/${id}/rotate`)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  test('50 keys: only hashes are stored, and neither lists nor the audit show a secret', async () => {
    const { id, secret } = await newKey();
    const { body } = await operator('POST', `/${id}/rotate`);
    const { rows } = await system.services.db.owner.query<{ text: string }>(
      `select to_jsonb(k)::text as text from coinlane.api_keys k union all
       select to_jsonb(a)::text from coinlane.audit a`,
    );
    const shown = JSON.stringify([rows, (await operator('GET', '')).body]);
    for (const each of [secret, body.secretKey, tenant.secretKey]) {
      expect(shown).not.toContain(each.split('_').slice(2).join('_'));
    }
    const actions = await system.services.db.owner.query(
      `select actor, action, detail from coinlane.audit where target = $1 order by id`,
      [id],
    );
    expect(actions.rows).toEqual([
      { actor: 'operator:token', action: 'key.create', detail: { scopes: ['read', 'users'] } },
      {
        actor: 'operator:token',
        action: 'key.rotate',
        detail: { successor: body.key.id, overlapSeconds: 86_400 },
      },
    ]);
  });
});
