// What keeps tenants apart in the database, and what a secret key may do: looked up in the catalog, then tried.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireScope } from '#api/middleware/caller.ts';
import { withTenant } from '#shared/db/pool.ts';
import { type EdgeApp, openEdgeApp } from './edge-app.ts';

let app: EdgeApp;
let firstKey: string;
beforeAll(async () => {
  app = await openEdgeApp('walls');
  for (const slug of ['ours', 'theirs']) {
    const answer = await app.call('POST', '/operator/tenants', { json: { slug, name: slug } });
    firstKey = (await answer.json()).secretKey;
  }
});
afterAll(() => app?.close());

describe('the schema of a tenant', () => {
  test('and everything in it belongs to the owner, and nothing to the role that processes work as', async () => {
    const { rows } = await app.services.db.app.query(
      `select current_user as me, c.relname, pg_get_userbyid(c.relowner) as owner
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'tenant_ours'`,
    );
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((row) => row.owner === row.me || row.owner === 'coinlane_app')).toEqual([]);
    const roles = await app.services.db.app.query(
      'select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user',
    );
    expect(roles.rows).toEqual([
      { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false },
    ]);
  });

  test('has its own stamp on every table: row-level security that names this tenant and no other', async () => {
    const { rows } = await app.services.db.app.query(
      `select c.relname, c.relrowsecurity, pg_get_expr(p.polqual, p.polrelid) as condition
       from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_policy p on p.polrelid = c.oid
       where n.nspname = 'tenant_ours' and c.relkind in ('r', 'p')`,
    );
    expect(rows.length).toBeGreaterThanOrEqual(5);
    for (const row of rows) {
      expect(row, row.relname).toMatchObject({ relrowsecurity: true });
      expect(row.condition, row.relname).toContain("'ours'::text");
    }
  });

  test('shows no row and takes none in a transaction of another tenant', async () => {
    const user = { id: '0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77', email: 'ada@theirs.test' };
    const { app: pool } = app.services.db;
    const insert = {
      text: 'insert into tenant_theirs.users (id, email) values ($1, $2)',
      values: [user.id, user.email],
    };
    await withTenant(pool, 'theirs', (tx) => tx.query(insert));
    const count = 'select count(*) as n from tenant_theirs.users';
    const read = (tenant: string) => withTenant(pool, tenant, (tx) => tx.query<{ n: number }>(count));
    expect((await read('theirs')).rows).toEqual([{ n: 1 }]);
    expect((await read('ours')).rows).toEqual([{ n: 0 }]);
    expect((await pool.query(count)).rows).toEqual([{ n: 0 }]);
    await expect(withTenant(pool, 'ours', (tx) => tx.query(insert))).rejects.toMatchObject({ code: '42501' });
    const update = 'update tenant_theirs.users set email = null';
    expect((await withTenant(pool, 'ours', (tx) => tx.query(update))).rowCount).toBe(0);
  });

  test('leaves nothing of a tenant on a connection that failed inside it', async () => {
    const { app: pool } = app.services.db;
    await expect(withTenant(pool, 'ours', (tx) => tx.query('select 1/0'))).rejects.toMatchObject({
      code: '22012',
    });
    const settings =
      "select current_setting('coinlane.tenant', true) as tenant, current_setting('search_path') as path";
    for (let i = 0; i < 8; i += 1) {
      const { rows } = await pool.query(settings);
      expect(rows[0]?.tenant ?? '').toBe('');
      expect(rows[0]?.path).not.toContain('tenant_');
    }
  });
});

describe('a secret key', () => {
  const keys = '/operator/tenants/ours/keys';

  test('is shown once, has the scopes it was given, and is refused as soon as it is revoked', async () => {
    const answer = await app.call('POST', keys, { json: { name: 'reader', scopes: ['read'] } });
    expect(answer.status).toBe(201);
    const { key, secretKey } = await answer.json();
    expect(secretKey).toMatch(/^sk_ours_/);
    expect(key).toMatchObject({
      name: 'reader',
      scopes: ['read'],
      hint: secretKey.slice(-4),
      revokedAt: null,
    });
    const listed = await (await app.call('GET', keys)).text();
    expect(JSON.parse(listed).data.map((each: { name: string }) => each.name)).toEqual([
      'first key',
      'reader',
    ]);
    expect(listed).not.toContain(secretKey);
    expect(await app.services.tenants.findKey(secretKey)).toMatchObject({ scopes: ['read'] });
    expect((await app.call('DELETE', `${keys}/${key.id}`)).status).toBe(204);
    expect(await app.services.tenants.findKey(secretKey)).toBeUndefined();
    expect((await app.call('DELETE', `${keys}/${key.id}`)).status).toBe(404);
  });

  test('lets its caller do what its scopes name and nothing else', async () => {
    const tenant = await app.services.tenants.find('ours');
    const caller = { type: 'platform' as const, tenant: tenant!, keyId: 'k', scopes: new Set(['read']) };
    expect(() => requireScope(caller, 'read')).not.toThrow();
    expect(() => requireScope(caller, 'grant')).toThrow(
      expect.objectContaining({ code: 'insufficient_scope', status: 403 }),
    );
  });

  test('is stored as a hash only', async () => {
    const { rows } = await app.services.db.app.query('select to_jsonb(k) as key from coinlane.api_keys k');
    expect(rows.length).toBeGreaterThan(1);
    const secret = firstKey.replace(/^sk_[^_]+_/, '');
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  test('of one tenant cannot be revoked through another', async () => {
    const { data } = await (await app.call('GET', '/operator/tenants/theirs/keys')).json();
    expect((await app.call('DELETE', `${keys}/${data[0]?.id}`)).status).toBe(404);
    expect(await app.services.tenants.findKey(firstKey)).toBeDefined();
  });

  test('dies with its tenant', async () => {
    const made = await app.call('POST', '/operator/tenants', { json: { slug: 'brief', name: 'Brief' } });
    const { secretKey } = await made.json();
    expect(await app.services.tenants.findKey(secretKey)).toBeDefined();
    await app.call('DELETE', '/operator/tenants/brief');
    expect(await app.services.tenants.findKey(secretKey)).toBeUndefined();
  });

  test.each([
    ['no scopes', { name: 'x' }],
    ['an empty list of scopes', { name: 'x', scopes: [] }],
    ['an unknown scope', { name: 'x', scopes: ['everything'] }],
    ['a scope twice', { name: 'x', scopes: ['read', 'read'] }],
    ['an unknown field', { name: 'x', scopes: ['read'], tenant: 'theirs' }],
  ])('with %s is not made', async (_name, json) => {
    const answer = await app.call('POST', keys, { json });
    expect([answer.status, (await answer.json()).code]).toEqual([422, 'invalid_input']);
  });
});

describe('the integrity report', () => {
  const report = async () => (await app.call('GET', '/operator/tenants/theirs/integrity')).json();

  test('of a tenant whose books are in order says so, and names what is not', async () => {
    expect(await report()).toMatchObject({ ok: true, wallets: 0, entries: 0, differences: [] });
    const wallet = '0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b78';
    await withTenant(app.services.db.app, 'theirs', (tx) =>
      tx.query('insert into wallets (id, user_id, currency, balance) select $1, id, $2, 7 from users', [
        wallet,
        'COIN',
      ]),
    );
    const broken = await report();
    expect(broken).toMatchObject({ ok: false, wallets: 1 });
    expect(broken.differences).toContainEqual(
      expect.objectContaining({ id: wallet, expected: '0', found: '7' }),
    );
  });
});
