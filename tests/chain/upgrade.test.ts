// What was in the ledger before there was a chain is sealed like everything after it, with and without lots of its own.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countUnsealed, findHead, listBlocks } from '#shared/db/chain.ts';
import { createTenantSchema, migrateTenants } from '#shared/db/migrate.ts';
import { schemaOf, withTenant, withTransaction } from '#shared/db/pool.ts';
import { backends } from '#tests/support/backends.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { findDifferences } from '../../scripts/doctor/books.ts';
import { asIntruder, sealAll } from './ground.ts';

const beforeLots = 3;
const beforeChain = 7;

let system: System;
beforeAll(async () => {
  system = await startSystem('chain-upgrade', { backend: backends[0]!, workers: false });
});
afterAll(() => system?.close());

/** A tenant at an older version, with what `fill` writes into its schema. */
async function makeOldTenant(version: number, ...fill: string[]): Promise<string> {
  const slug = uniqueSlug('old');
  await withTransaction(system.services.db.owner, async (tx) => {
    await createTenantSchema(tx, slug, version);
    await tx.query(
      `insert into coinlane.tenants (slug, name, status, schema_version, coin)
       values ($1, 'Old', 'active', $2, '{"code": "COIN", "name": "Coin", "symbol": "c"}')`,
      [slug, version],
    );
    await tx.query(`set local search_path = ${schemaOf(slug)}`);
    for (const statement of fill) await tx.query(statement);
  });
  return slug;
}

const rowsOfUser = (userId: string) => `insert into users (id) values ('${userId}')`;
const operation = (columns: string, values: string) =>
  `insert into operations (id, kind, status, due, wallet_id, user_id, amount, idempotency_key, body_hash, balance_after,
     wallet_version, settled_at${columns}) ${values}`;

test('wallets from before lots, in blocks of bounded size, each named when it is changed', async () => {
  const [user, busy, other, quiet] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const grants = 4500;
  const slug = await makeOldTenant(
    beforeLots,
    rowsOfUser(user),
    `insert into wallets (id, user_id, currency, balance, version) values ('${busy}', '${user}', 'A', ${grants}, ${grants}),
       ('${other}', '${user}', 'B', 1, 1), ('${quiet}', '${user}', 'C', 0, 0)`,
    'create temporary table made on commit drop as select gen_random_uuid() as id, w.id as wallet, v as version' +
      ' from wallets w cross join lateral generate_series(1, w.version) as v',
    operation(
      '',
      `select id, 'grant', 'applied', false, wallet, '${user}', 1, id::text, '', version, version, now() from made`,
    ),
    `insert into entries (operation_id, wallet_id, account, amount, balance_after, version)
     select id, wallet, 'wallet', 1, version, version from made union all
     select id, wallet, 'grants', -1, null, null from made`,
  );
  expect(await migrateTenants(system.services.db.owner)).toEqual({ upgraded: [slug], failed: [] });
  const inTenant = <T>(work: Parameters<typeof withTenant<T>>[2]) =>
    withTenant(system.services.db.app, slug, work);
  expect(await inTenant(countUnsealed)).toBe(grants + 1);
  const before = await findDifferences(system.services.db, slug);
  expect(before).toEqual([]);
  await sealAll(system, slug);
  expect(await inTenant((tx) => findHead(tx, slug))).toMatchObject({ total: grants + 1 });
  const sizes = (await inTenant((tx) => listBlocks(tx, 0, 100))).map(({ entries }) => entries);
  expect(sizes.length).toBeGreaterThanOrEqual(3);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(3000);
  expect(await findDifferences(system.services.db, slug)).toEqual([]);

  await asIntruder(
    system,
    slug,
    `update entries set created_at = created_at + interval '1 day' where wallet_id = '${busy}' and version = 4321`,
  );
  const [first] = await findDifferences(system.services.db, slug);
  expect(first).toMatch(new RegExp(`^block \\d: wallet ${busy}, version 4321: hash expected`));
});

test('postings of one operation with the same amount each keep an account of their own', async () => {
  const [user, wallet, bought, taken] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const id = (name: string) => `'${name}', '${wallet}'`;
  const slug = await makeOldTenant(
    beforeChain,
    rowsOfUser(user),
    `insert into wallets (id, user_id, currency, balance, version, debt) values ('${wallet}', '${user}', 'A', 0, 4, 5)`,
    operation(
      '',
      `values ('${bought}', 'grant', 'applied', false, '${wallet}', '${user}', 10, 'a', '', 10, 1, now()),
        ('${taken}', 'clawback', 'applied', false, '${wallet}', '${user}', 20, 'b', '', 0, 4, now())`,
    ),
    `insert into lots (id, wallet_id, bucket, coins) values ('${bought}', '${wallet}', 'paid', 10)`,
    `insert into entries (operation_id, wallet_id, account, amount, balance_after, version, lots) values
      (${id(bought)}, 'wallet', 10, 10, 1, '[["${bought}", 10]]'), (${id(bought)}, 'grants', -10, null, null, null),
      (${id(taken)}, 'wallet', 5, 15, 2, '[["${taken}", 5]]'), (${id(taken)}, 'writeoffs', -5, null, null, null),
      (${id(taken)}, 'wallet', 5, 20, 3, '[["${taken}", 5]]'), (${id(taken)}, 'debt', -5, null, null, null),
      (${id(taken)}, 'wallet', -20, 0, 4, '[["${bought}", -10], ["${taken}", -10]]'),
      (${id(taken)}, 'purchases', 20, null, null, null)`,
  );
  await migrateTenants(system.services.db.owner);
  const counters = await asIntruder<{ counter: string }>(
    system,
    slug,
    `select counter from entries where account = 'wallet' order by version`,
  );
  expect(counters.map(({ counter }) => counter)).toEqual(['grants', 'writeoffs', 'debt', 'purchases']);
  await sealAll(system, slug);
  expect(await findDifferences(system.services.db, slug)).toEqual([]);
});
