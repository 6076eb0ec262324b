// One transaction of several tenants: each statement is in its own tenant, behind both walls, and it is all or nothing.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tx } from '#shared/db/pool.ts';
import { withTenants } from '#shared/db/shared-transaction.ts';
import { findTenantState } from '#shared/db/walls.ts';
import { newId } from '#shared/runtime/ids.ts';
import { type EdgeApp, openEdgeApp } from './edge-app.ts';

let app: EdgeApp;
const slugs = ['left', 'right'] as const;
beforeAll(async () => {
  app = await openEdgeApp('shared');
  for (const slug of slugs) await app.call('POST', '/operator/tenants', { json: { slug, name: slug } });
});
afterAll(() => app?.close());

const addUser = (tx: Tx, email: string) =>
  tx.query('insert into users (id, email) values ($1, $2)', [newId(), email]);
const emails = async (tx: Tx) =>
  (await tx.query<{ email: string }>('select email from users order by 1')).rows.map(({ email }) => email);
const read = (slug: string) => withTenants(app.services.db.app, slug, (txOf) => emails(txOf(slug)));

test('statements of tenants that come mixed are each in their own, also after others were awaited', async () => {
  const seen = await withTenants(app.services.db.app, 'left', async (txOf) => {
    const work = slugs.map(async (slug) => {
      const tx = txOf(slug);
      for (let n = 0; n < 3; n += 1) await addUser(tx, `${n}@${slug}.test`);
      const named = await tx.query<{ tenant: string; path: string }>({
        name: 'where_am_i',
        text: `select current_setting('coinlane.tenant') as tenant, current_setting('search_path') as path`,
      });
      return { ...named.rows[0], emails: await emails(tx) };
    });
    return Promise.all(work);
  });
  expect(seen).toEqual(
    slugs.map((slug) => ({
      tenant: slug,
      path: `pg_catalog, "tenant_${slug}"`,
      emails: [0, 1, 2].map((n) => `${n}@${slug}.test`),
    })),
  );
});

test('the second wall stands in it: the schema of another one shows nothing and takes nothing, by its name', async () => {
  const count = (slug: string, other: string) =>
    withTenants(app.services.db.app, 'left', async (txOf) => {
      await txOf(other).query('select 1');
      const found = await txOf(slug).query<{ n: number }>(`select count(*) as n from tenant_${other}.users`);
      return found.rows[0]?.n;
    });
  expect(await count('left', 'left')).toBe(3);
  expect(await count('left', 'right')).toBe(0);
  const stray = withTenants(app.services.db.app, 'left', async (txOf) => {
    await addUser(txOf('right'), 'before@right.test');
    await txOf('left').query('insert into tenant_right.users (id) values ($1)', [newId()]);
  });
  await expect(stray).rejects.toMatchObject({ code: '42501' });
  expect(await read('right')).not.toContain('before@right.test');
});

test('a fault in one undoes it for all, and what is still under way goes nowhere', async () => {
  const before = [await read('left'), await read('right')];
  let late: Promise<unknown> | undefined;
  const failed = withTenants(app.services.db.app, 'left', (txOf) =>
    Promise.all([
      addUser(txOf('left'), 'lost@left.test').then(() => {
        const tx = txOf('left');
        // Its connection is somebody else's by then.
        late = new Promise((resolve) => setTimeout(resolve, 50)).then(() => addUser(tx, 'late@left.test'));
        return late;
      }),
      txOf('right').query('select 1/0'),
    ]),
  );
  await expect(failed).rejects.toMatchObject({ code: '22012' });
  await expect(late).rejects.toThrow('after COMMIT');
  expect([await read('left'), await read('right')]).toEqual(before);
});

test('it leaves nothing of any tenant, of its patience or of its plans on the connection', async () => {
  const settings = `select current_setting('lock_timeout') as locks, current_setting('plan_cache_mode') as plans`;
  const pool = app.services.db.app;
  const fresh = { locks: '0', plans: 'auto' };
  for (const work of ['select 1', 'select 1/0']) {
    await withTenants(pool, 'left', (txOf) => txOf('left').query(work)).catch(() => undefined);
    for (let i = 0; i < 12; i += 1) {
      expect(await findTenantState(pool)).toBe('');
      expect((await pool.query(settings)).rows).toEqual([fresh]);
    }
  }
});
