// Line 58: everything held about a user in one file, whole or not at all, however much there is.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { streamText } from '#api/users/paced-answer.ts';
import { exportParts } from '#shared/db/user-export.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import {
  call,
  createTenant,
  eventually,
  grant,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';

let system: System;
let tenant: TestTenant;
beforeAll(async () => {
  system = await startSystem('export', { backend: backends[0] as TestBackend });
  tenant = await createTenant(system.url, 'acme');
});
afterAll(() => system?.close());

const rows = async (text: string, values: unknown[] = []) =>
  (await system.services.db.owner.query(text, values)).rows;
const exportOf = ({ id, token }: TestUser, by: 'user' | 'platform' | 'operator' = 'user') => {
  if (by === 'user') return call('GET', `${system.url}/profile/export`, { token });
  if (by === 'platform') return call('GET', `${system.url}/users/${id}/export`, { token: tenant.secretKey });
  return call('GET', `${system.url}/operator/tenants/acme/users/${id}/export`, { token: operatorToken });
};

describe('58 export', () => {
  test('58 export: is one attachment with all parts, the same at all three doors, without secrets', async () => {
    const user = await registerUser(system.url, tenant, 'nora');
    await grant(system.url, tenant, user.id, 100);
    const post = (path: string, body: object) =>
      call('POST', `${system.url}${path}`, { token: user.token, key: randomUUID(), wait: 10, body });
    await post('/wallet/spend', { amount: 7, reference: 'order-1', metadata: { 'a"b': '</script>\u2028' } });
    const bought = await post('/wallet/buy', { coins: 50, provider: 'sandbox' });
    await call('POST', `${bought.body.checkoutUrl}/pay`);
    await eventually('the coins', async () => {
      const { body } = await call('GET', `${system.url}/wallet/balance`, { token: user.token });
      return body.balance === 143;
    });
    await eventually('the relay to know the mails', async () => {
      const found = await rows(`select from coinlane.mails where user_id = $1`, [user.id]);
      return found.length === 2;
    });
    const { status, headers, body } = await exportOf(user);
    expect(status).toBe(200);
    expect(headers.get('content-disposition')).toBe(`attachment; filename="coinlane-acme-${user.id}.json"`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(Object.keys(body)).toEqual([
      ...['format', 'tenant', 'exportedAt', 'profile'],
      ...exportParts.map((part) => part.name),
    ]);
    expect(body.profile).toMatchObject({ id: user.id, email: user.email, name: 'nora', hasPassword: true });
    expect(body.sessions).toMatchObject([{ method: 'password', revokedAt: null }]);
    expect(body.wallets).toMatchObject([{ balance: 143, currency: 'COIN' }]);
    expect(body.operations.map((each: { kind: string }) => each.kind)).toEqual([
      'grant',
      'spend',
      'purchase',
    ]);
    expect(body.operations[1]).toMatchObject({
      reference: 'order-1',
      metadata: { 'a"b': '</script>\u2028' },
    });
    expect(body.history.map((each: { amount: number }) => each.amount)).toEqual([100, -7, 50]);
    expect(body.purchases).toMatchObject([{ provider: 'sandbox', coins: 50, status: 'granted' }]);
    expect(body.lots).toHaveLength(2);
    const templates = body.mails.map((each: { template: string }) => each.template);
    expect(templates.sort()).toEqual(['purchase_receipt', 'welcome']);
    expect(body.audit).toMatchObject([{ actor: `user:${user.id}`, action: 'user.export' }]);
    const [stored] = await rows(
      `select u.password_hash, encode(s.current_hash, 'hex') as session from "tenant_acme".users u
       join "tenant_acme".sessions s on s.user_id = u.id where u.id = $1`,
      [user.id],
    );
    const text = JSON.stringify(body);
    for (const secret of Object.values(stored)) expect(text).not.toContain(secret);

    for (const by of ['platform', 'operator'] as const) {
      const other = await exportOf(user, by);
      // Each export is in the audit itself, and the workers are still at the mails.
      const still = { exportedAt: '', audit: [], mails: [] };
      expect({ ...other.body, ...still }, by).toEqual({ ...body, ...still });
    }
  });

  test('58 export: of many operations it is whole, in order and of one moment', {
    timeout: 60_000,
  }, async () => {
    const user = await registerUser(system.url, tenant);
    const many = 20_000;
    await rows(
      `insert into "tenant_acme".operations (id, kind, status, due, wallet_id, user_id, amount, idempotency_key,
         body_hash, metadata)
       select gen_random_uuid(), 'spend', 'rejected', false, w.id, w.user_id, 1, 'many-' || i, '', jsonb_build_object('i', i)
       from "tenant_acme".wallets w, generate_series(1, ${many}) i where w.user_id = $1`,
      [user.id],
    );
    const { body } = await exportOf(user, 'operator');
    expect(body.operations).toHaveLength(many);
    const ids = body.operations.map((each: { id: string }) => each.id);
    expect(ids).toEqual([...ids].sort());
    expect(new Set(body.operations.map((each: { metadata: { i: number } }) => each.metadata.i)).size).toBe(
      many,
    );
  });

  test('one who reads slowly or leaves holds no connection, and others wait their turn', async () => {
    const user = await registerUser(system.url, tenant);
    const open = () =>
      fetch(`${system.url}/users/${user.id}/export`, {
        headers: { authorization: `Bearer ${tenant.secretKey}` },
      });
    // Nobody takes these two on: what they answer stays unread.
    const { exports } = system.api.deps;
    const readers = await Promise.all(
      [0, 1].map(async () => (await exports.start('acme', user.id, 'test')).body!.getReader()),
    );
    for (const reader of readers) expect((await reader.read()).done).toBe(false);
    const third = await open();
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '5']);
    await Promise.all(readers.map((reader) => reader.cancel()));
    const fourth = await eventually('a free place', async () => {
      const answer = await open();
      return answer.status === 200 && answer;
    });
    expect(((await fourth.json()) as { profile: object }).profile).toMatchObject({ id: user.id });
    const idle = `select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`;
    await eventually('no transaction left open', async () => (await rows(idle)).length === 0);
  });

  test('an answer that fails half way breaks off', async () => {
    let ended = 0;
    const stream = streamText(
      async (send) => {
        await send('{"half":');
        throw new Error('the database went');
      },
      () => {
        ended += 1;
      },
    );
    await expect(new Response(stream).text()).rejects.toThrow('the database went');
    expect(ended).toBe(1);
  });
});
