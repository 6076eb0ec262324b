// The ledger that our own runs work on: a tenant with full wallets, and the check that it was done right.

import type { Services } from '#shared/boot/services.ts';
import { checkIntegrity } from '#shared/db/integrity.ts';
import { newId } from '#shared/runtime/ids.ts';
import { defaultCoin } from '#shared/tenants/coin-settings.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { provisionTenant } from '#shared/tenants/provision.ts';
import { tenantSettings } from '#shared/tenants/settings.ts';
import { walletCount } from './distribution.ts';

const balance = 1_000_000_000;

export interface BenchWallet {
  id: string;
  userId: string;
}

export interface Ledger {
  tenant: Tenant;
  wallets: BenchWallet[];
}

/** A tenant without anybody. */
export async function makeEmptyTenant(services: Services, slug: string): Promise<Tenant> {
  const settings = tenantSettings.parse({});
  await provisionTenant(
    services.db,
    services.keyring,
    { slug, name: slug, coin: defaultCoin, settings, providers: undefined },
    'bench',
  );
  const tenant = await services.tenants.find(slug);
  if (!tenant) throw new Error(`tenant ${slug} was not made`);
  return tenant;
}

/** A tenant with full wallets, each of a user of its own. */
export async function makeTenant(services: Services, slug: string): Promise<Ledger> {
  const tenant = await makeEmptyTenant(services, slug);
  const wallets = Array.from({ length: walletCount }, () => ({ id: newId(), userId: newId() }));
  const owner = services.db.owner;
  const schema = `"tenant_${slug}"`;
  await owner.query(`insert into ${schema}.users (id) select unnest($1::uuid[])`, [
    wallets.map((w) => w.userId),
  ]);
  await owner.query(
    `insert into ${schema}.wallets (id, user_id, currency, balance, version, lots)
     select w, u, 'COIN', ${balance}, 1, jsonb_build_array(jsonb_build_array(gen_random_uuid(), ${balance}))
     from unnest($1::uuid[], $2::uuid[]) as x (w, u)`,
    [wallets.map((w) => w.id), wallets.map((w) => w.userId)],
  );
  // The opening balances are grants like all others, so that the integrity check holds afterwards.
  await owner.query(
    `with o as (insert into ${schema}.operations (id, kind, status, due, wallet_id, user_id, amount, bucket,
         idempotency_key, body_hash, balance_after, wallet_version, settled_at)
       select (lots->0->>0)::uuid, 'grant', 'applied', false, id, user_id, balance, 'paid', 'opening-' || id, '',
         balance, 1, now() from ${schema}.wallets returning id, wallet_id, amount, bucket),
     l as (insert into ${schema}.lots (id, wallet_id, bucket, coins) select id, wallet_id, bucket, amount from o)
     insert into ${schema}.entries (operation_id, wallet_id, account, counter, amount, balance_after, version, lots)
     select o.id, o.wallet_id, s.account, s.counter, s.sign * o.amount, s.after * o.amount, s.after,
       case when s.sign = 1 then jsonb_build_array(jsonb_build_array(o.id, o.amount)) end
     from o, (values ('wallet', 'grants', 1, 1), ('grants', null, -1, null::int)) as s (account, counter, sign, after)`,
  );
  await owner.query(`analyze ${schema}.wallets`);
  return { tenant, wallets };
}

/** Every operation settled once, in order of sequence per wallet, and balances equal to the entries. */
export async function verifyTenant(services: Services, tenant: string, operations: number): Promise<void> {
  const report = await checkIntegrity(services.db, tenant);
  if (!report.ok) throw new Error(`the ledger differs: ${JSON.stringify(report.differences.slice(0, 3))}`);
  const schema = `"tenant_${tenant}"`;
  const result = await services.db.owner.query<{ applied: string; disorder: string }>(
    `select (select count(*) from ${schema}.operations where kind = 'spend' and status = 'applied') as applied,
       (select count(*) from (select seq, lag(seq) over (partition by wallet_id order by wallet_version) as before
         from ${schema}.operations where kind = 'spend') o where before > seq) as disorder`,
  );
  const row = result.rows[0];
  if (Number(row?.applied) !== operations) throw new Error(`${row?.applied} of ${operations} were applied`);
  if (Number(row?.disorder) !== 0)
    throw new Error(`${row?.disorder} operations were settled out of sequence`);
}
