// A ban is one moment: sessions, wallet and account at once, at every door, and lifted alike.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  eventually,
  grant,
  integrity,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';

let system: System;
let tenant: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  system = await startSystem('ban', { backend: backends[0] as TestBackend });
  tenant = await createTenant(system.url, 'acme');
  other = await createTenant(system.url, 'other');
});
afterAll(() => system?.close());

const platform = (method: string, path: string, body?: unknown, key = tenant.secretKey): Promise<Answer> =>
  call(method, `${system.url}${path}`, { token: key, ...(body === undefined ? {} : { body }) });
const operator = (method: string, path: string, body?: unknown) =>
  platform(method, `/operator/tenants/acme${path}`, body, operatorToken);
const spend = (token: string, userId?: string) =>
  call('POST', `${system.url}/wallet/spend`, {
    token,
    key: randomUUID(),
    wait: 10,
    body: { amount: 1, ...(userId ? { userId } : {}) },
  });
const codeOf = ({ status, body }: Answer) => [status, body.code];
const logIn = ({ email }: TestUser) =>
  call('POST', `${system.url}/login`, { tenant: 'acme', body: { email, password: 'correct horse battery' } });
const auditOf = async (target: string) => {
  const { body } = await platform('GET', `/audit?target=${target}`);
  return body.data.map((line: { actor: string; action: string }) => `${line.actor} ${line.action}`).reverse();
};
async function richUser(): Promise<TestUser> {
  const user = await registerUser(system.url, tenant);
  await grant(system.url, tenant, user.id, 100);
  return user;
}

describe('33 a ban', () => {
  test('33 ban: access token, refresh, login, queued operations and platforms are refused from then on', async () => {
    const user = await richUser();
    expect((await spend(user.token)).status).toBe(201);
    expect((await platform('POST', `/users/${user.id}/ban`, { reason: 'cheating' })).status).toBe(204);
    expect(codeOf(await spend(user.token))).toEqual([401, 'unauthenticated']);
    const refresh = await call('POST', `${system.url}/token/refresh`, {
      body: { refreshToken: user.refreshToken },
    });
    expect(codeOf(refresh)).toEqual([401, 'unauthenticated']);
    expect(codeOf(await logIn(user))).toEqual([403, 'forbidden']);
    expect(codeOf(await spend(tenant.secretKey, user.id))).toEqual([409, 'wallet_frozen']);
    const { body } = await platform('GET', `/users/${user.id}`);
    expect(body).toMatchObject({ status: 'banned', banReason: 'cheating', sessions: 0 });
    expect(body.wallets).toMatchObject([{ balance: 99, frozenReason: 'ban' }]);
    // Coins still come in.
    expect((await grant(system.url, tenant, user.id, 1)).status).toBe(201);
  });

  test('33 ban: what was accepted before and is settled after it is wallet_frozen', async () => {
    const user = await richUser();
    const { db } = system.services;
    const holder = await db.owner.connect();
    try {
      // Settling waits for the wallet; the ban comes to it first, since it asked first.
      await holder.query('begin');
      const { rows: held } = await holder.query<{ pid: number }>(
        `select pg_backend_pid() as pid from "tenant_acme".wallets where user_id = $1 for update`,
        [user.id],
      );
      const banned = platform('POST', `/users/${user.id}/ban`);
      const waiting = async () => {
        const { rows } = await db.owner.query(
          // Also a job of the grant that comes again may wait for the wallet.
          `select from pg_stat_activity where datname = current_database() and $1 = any(pg_blocking_pids(pid))
             and query like '%from wallets where user_id%'`,
          [held[0]?.pid],
        );
        return rows.length > 0;
      };
      await eventually('the ban waits for the wallet', waiting);
      const queued = await call('POST', `${system.url}/wallet/spend`, {
        token: user.token,
        key: randomUUID(),
        body: { amount: 1 },
      });
      expect(queued.status).toBe(202);
      await holder.query('commit');
      expect((await banned).status).toBe(204);
      const settled = await eventually('the outcome', async () => {
        const { body } = await platform('GET', `/operations/${queued.body.id}`);
        return body.status !== 'accepted' && body;
      });
      expect(settled).toMatchObject({ status: 'rejected', reason: 'wallet_frozen' });
    } finally {
      await holder.query('rollback');
      holder.release();
    }
  });

  test('ban twice and unban twice are 204, and one line each in the audit, without the reason', async () => {
    const user = await richUser();
    for (let i = 0; i < 2; i += 1) {
      expect((await operator('POST', `/users/${user.id}/ban`, { reason: 'Jane Doe called' })).status).toBe(
        204,
      );
    }
    for (let i = 0; i < 2; i += 1) {
      expect((await platform('POST', `/users/${user.id}/unban`)).status).toBe(204);
    }
    const [key] = (await operator('GET', '/keys')).body.data;
    expect(await auditOf(user.id)).toEqual(['operator:token user.ban', `key:${key.id} user.unban`]);
    const { rows } = await system.services.db.owner.query(
      `select detail::text as text from coinlane.audit where target = $1`,
      [user.id],
    );
    expect(JSON.stringify(rows)).not.toContain('Jane');
  });

  test('its end lets the user in again and lifts its own freeze only', async () => {
    const user = await richUser();
    const wallet = (await platform('GET', `/users/${user.id}`)).body.wallets[0].id;
    await operator('POST', `/wallets/${wallet}/freezes`, { note: 'a claim' });
    await platform('POST', `/users/${user.id}/ban`);
    await platform('POST', `/users/${user.id}/unban`);
    const again = await logIn(user);
    expect(again.status).toBe(200);
    expect(codeOf(await spend(again.body.accessToken))).toEqual([409, 'wallet_frozen']);
    const { freezes, frozenReason } = (await operator('GET', `/wallets/${wallet}/freezes`)).body;
    expect(frozenReason).toBe('operator');
    const held = freezes.find((each: { reason: string }) => each.reason === 'operator');
    await operator('DELETE', `/wallets/${wallet}/freezes/${encodeURIComponent(held.cause)}`);
    expect((await spend(again.body.accessToken)).status).toBe(201);
    // Sessions from before the ban stay over.
    expect(codeOf(await spend(user.token))).toEqual([401, 'unauthenticated']);
  });

  test('a login that is under way when the ban comes opens no session', async () => {
    const user = await richUser();
    const logins = Array.from({ length: 8 }, () => logIn(user));
    const banned = platform('POST', `/users/${user.id}/ban`);
    const answers = await Promise.all([...logins, banned]);
    for (const { status, body } of answers) {
      if (status === 200) expect(codeOf(await spend(body.accessToken))).toEqual([401, 'unauthenticated']);
    }
    expect((await platform('GET', `/users/${user.id}`)).body.sessions).toBe(0);
  });

  test('ending all sessions ends them at once, and the user may log in again', async () => {
    const user = await richUser();
    expect((await platform('DELETE', `/users/${user.id}/sessions`)).status).toBe(204);
    expect(codeOf(await spend(user.token))).toEqual([401, 'unauthenticated']);
    expect((await logIn(user)).status).toBe(200);
    expect(await auditOf(user.id)).toEqual([expect.stringMatching(/^key:.* user.end_sessions$/)]);
  });
});

describe('managing users', () => {
  test('finds by address in any writing, by status, and page by page', async () => {
    const user = await richUser();
    const found = await platform('GET', `/users?email=${encodeURIComponent(user.email.toUpperCase())}`);
    expect(found.body).toMatchObject({ data: [{ id: user.id, status: 'active' }], hasMore: false });
    expect((await platform('GET', `/users?email=nobody@example.com`)).body.data).toEqual([]);
    await platform('POST', `/users/${user.id}/ban`);
    const banned = await platform('GET', '/users?status=banned&limit=100');
    expect(banned.body.data.map((each: { id: string }) => each.id)).toContain(user.id);
    expect(banned.body.data.every((each: { status: string }) => each.status === 'banned')).toBe(true);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor ? `&cursor=${cursor}` : '';
      const { body }: Answer = await operator('GET', `/users?limit=3${query}`);
      seen.push(...body.data.map((each: { id: string }) => each.id));
      cursor = body.nextCursor;
    } while (cursor);
    const { rows } = await system.services.db.owner.query(
      `select count(*)::int as n from "tenant_acme".users`,
    );
    expect([seen.length, new Set(seen).size]).toEqual([rows[0].n, rows[0].n]);
    expect(seen).toEqual([...seen].sort().reverse());
  });

  test('is for keys with the scope users, of this tenant, and for no user', async () => {
    const user = await richUser();
    const made = await operator('POST', '/keys', { name: 'reader', scopes: ['read', 'spend'] });
    const paths: [string, string][] = [
      ['GET', '/users'],
      ['GET', `/users/${user.id}`],
      ['POST', `/users/${user.id}/ban`],
      ['POST', `/users/${user.id}/unban`],
      ['DELETE', `/users/${user.id}/sessions`],
      ['GET', `/users/${user.id}/export`],
      ['POST', `/users/${user.id}/erase`],
      ['GET', '/audit'],
    ];
    for (const [method, path] of paths) {
      const where = `${method} ${path}`;
      const poor = await platform(method, path, undefined, made.body.secretKey);
      expect(codeOf(poor), where).toEqual([403, 'insufficient_scope']);
      expect(codeOf(await platform(method, path, undefined, user.token)), where).toEqual([403, 'forbidden']);
      if (!path.includes(user.id)) continue;
      const foreign = await platform(method, path, undefined, other.secretKey);
      expect(codeOf(foreign), where).toEqual([404, 'user_not_found']);
      const nonsense = await platform(method, path.replace(user.id, 'nonsense'));
      expect(codeOf(nonsense), where).toEqual([404, 'user_not_found']);
    }
    expect((await spend(user.token)).status).toBe(201);
  });

  test('leaves the books in order', async () => {
    expect((await integrity(system.url, 'acme')).body).toMatchObject({ ok: true });
  });
});
