// A tenant from before lots: its coins become opening lots, old spends can be undone, old processes cannot harm.
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { classifyFault } from '#shared/db/faults.ts';
import { migrateTenants } from '#shared/db/migrate.ts';
import { backends } from '#tests/support/backends.ts';
import { call, integrity } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '#tests/support/system.ts';

const files = new URL('../../shared/db/migrations/tenant/', import.meta.url);
const versionBefore = 3;

let system: System;
const slug = uniqueSlug('old');
const user = randomUUID();
const wallet = randomUUID();
const spend = randomUUID();

beforeAll(async () => {
  system = await startSystem('upgrade', { backend: backends[0]! });
  await makeOldTenant();
});
afterAll(() => system?.close());

/** The schema as it was, with what its code wrote: paid 100, bonus 50, spent 60 of both, 15 undone. */
async function makeOldTenant(): Promise<void> {
  const client = await system.services.db.owner.connect();
  try {
    await client.query('begin');
    await client.query(
      `insert into coinlane.tenants (slug, name, status, schema_version, coin)
       values ($1, 'Old', 'active', $2, '{"code": "COIN", "name": "Coin", "symbol": "c"}')`,
      [slug, versionBefore],
    );
    await client.query(`create schema "tenant_${slug}"`);
    await client.query(`set local search_path to "tenant_${slug}"`);
    for (const name of (await readdir(files)).sort().slice(0, versionBefore)) {
      await client.query(await readFile(new URL(name, files), 'utf8'));
    }
    await client.query(`grant usage on schema "tenant_${slug}" to coinlane_app`);
    await client.query(`insert into users (id, email) values ($1, 'old@example.com')`, [user]);
    await client.query(
      `insert into wallets (id, user_id, currency, balance, bonus, version) values ($1, $2, 'COIN', 105, 5, 4)`,
      [wallet, user],
    );
    // id, kind, amount, bonus, refunded, original; wallet's change and its bonus part, counter.
    const rows: [string, string, number, number, number, string | null, number, number, string][] = [
      [randomUUID(), 'grant', 100, 0, 0, null, 100, 0, 'grants'],
      [randomUUID(), 'grant', 50, 50, 0, null, 50, 50, 'grants'],
      [spend, 'spend', 60, 50, 15, null, -60, -50, 'sales'],
      [randomUUID(), 'refund', 15, 5, 0, spend, 15, 5, 'sales'],
    ];
    let balance = 0;
    for (const [
      index,
      [id, kind, amount, bonus, refunded, original, change, part, counter],
    ] of rows.entries()) {
      balance += change;
      await client.query(
        `insert into operations (id, kind, status, due, wallet_id, user_id, amount, original_id, idempotency_key,
           body_hash, bonus, refunded, balance_after, wallet_version, settled_at)
         values ($1::uuid, $2, 'applied', false, $3, $4, $5, $6, 'key-' || $1::uuid, '', $7, $8, $9, $10, now())`,
        [id, kind, wallet, user, amount, original, bonus, refunded, balance, index + 1],
      );
      await client.query(
        `insert into entries (operation_id, wallet_id, account, amount, bonus, balance_after, version)
         values ($1, $2, 'wallet', $3::bigint, $4::bigint, $5, $6), ($1, $2, $7, -$3::bigint, -$4::bigint, null, null)`,
        [id, wallet, change, part, balance, index + 1, counter],
      );
    }
    await client.query('commit');
  } finally {
    client.release();
  }
}

test('is upgraded whole, and goes on as if lots had always been', async () => {
  const report = await migrateTenants(system.services.db.owner);
  expect(report).toEqual({ upgraded: [slug], failed: [] });
  expect((await integrity(system.url, slug)).body).toMatchObject({ ok: true, wallets: 1, differences: [] });

  const made = await call('POST', `${system.url}/operator/tenants/${slug}/keys`, {
    token: operatorToken,
    body: { name: 'test', scopes: ['read', 'spend', 'refund'] },
  });
  const token = made.body.secretKey as string;
  const post = (path: string, body: object) =>
    call('POST', `${system.url}${path}`, {
      token,
      key: randomUUID(),
      wait: 10,
      body: { userId: user, ...body },
    });
  // 45 of the old spend are left: 45 bonus coins, since 10 paid and 5 bonus ones came back before.
  expect(await post('/wallet/refund', { operationId: spend })).toMatchObject({
    status: 201,
    body: { amount: 45, balanceAfter: 150 },
  });
  const balance = () => call('GET', `${system.url}/wallet/balance?userId=${user}`, { token });
  expect((await balance()).body).toMatchObject({ balance: 150, buckets: { paid: 100, bonus: 50 } });
  expect(await post('/wallet/spend', { amount: 140 })).toMatchObject({
    status: 201,
    body: { balanceAfter: 10 },
  });
  expect((await balance()).body).toMatchObject({ buckets: { paid: 10, bonus: 0 } });
  expect((await integrity(system.url, slug)).body).toMatchObject({ ok: true, differences: [] });
});

test('an old process that settles meanwhile takes it for an outage and changes nothing', async () => {
  const old = system.services.db.owner.query(
    `update "tenant_${slug}".wallets set balance = balance - 1, version = version + 1 where id = $1`,
    [wallet],
  );
  const error = await old.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(classifyFault(error)).toBe('unavailable');
  expect((await integrity(system.url, slug)).body).toMatchObject({ ok: true });
});
