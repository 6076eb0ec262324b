// `npm run bench -- --growth`: the same load on an empty ledger, and on one with millions of entries.
import type { Services } from '#shared/boot/services.ts';
import { checkIntegrity } from '#shared/db/integrity.ts';
import { type BenchWallet, type Ledger, makeEmptyTenant, makeTenant } from './bench-tenant.ts';
import { openContender } from './contender.ts';
import { walletCount } from './distribution.ts';
import type { Ground } from './ground.ts';
import { printRatios, type Ratio } from './ratios.ts';

/** A grant and four spends each, of two entries each: ten entries a wallet. */
const spends = 4;
const chunk = 100_000;
const balance = 1_000_000_000;
const warmUp = 15_000;

export async function benchGrowth(
  ground: Ground,
  wallets: number,
  sizes: { rounds: number; operations: number },
): Promise<void> {
  const contender = await openContender('growth', ground.postgresUrl, [ground.redisUrl]);
  try {
    const { services } = contender;
    const empty = await makeTenant(services, 'empty');
    const started = performance.now();
    const grown = await fillTenant(services, 'grown', wallets);
    const seconds = (performance.now() - started) / 1000;
    console.log(`${wallets} wallets with ${10 * wallets} entries were made in ${seconds.toFixed(0)} s`);
    for (const ledger of [empty, grown]) await contender.run('uniform', warmUp, ledger);
    const ratio: Ratio = {
      name: `${wallets} wallets / empty`,
      values: [],
      bound: { atLeast: 0.85 },
    };
    for (let round = 1; round <= sizes.rounds; round += 1) {
      const few = await contender.run('uniform', sizes.operations, empty);
      const many = await contender.run('uniform', sizes.operations, grown);
      ratio.values.push(many.perSecond / few.perSecond);
      console.log(
        `round ${round}  empty ${Math.round(few.perSecond)}/s, grown ${Math.round(many.perSecond)}/s`,
      );
    }
    for (const { tenant } of [empty, grown]) {
      const { ok, entries, differences } = await checkIntegrity(services.db, tenant.slug);
      if (!ok)
        throw new Error(`the ledger ${tenant.slug} differs: ${JSON.stringify(differences.slice(0, 3))}`);
      console.log(`${tenant.slug}: ${entries} entries, and all balances follow from them`);
    }
    printRatios([ratio]);
  } finally {
    await contender.close();
  }
}

/** Rising, as the product's own are: what is near in time is near in the indexes. */
const id = (kind: string, number: string) =>
  `('01900000-${kind}-7000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`;
const walletId = id('0001', 'w');
const userId = id('0002', 'w');
const grantId = id('0003', 'w');
const operationId = id('0004', `w * ${spends} + n`);

/** Rows as grants and spends leave them, a part of the wallets at a time. */
async function fillTenant(services: Services, slug: string, wallets: number): Promise<Ledger> {
  const tenant = await makeEmptyTenant(services, slug);
  const schema = `"tenant_${slug}"`;
  const { owner } = services.db;
  for (let from = 0; from < wallets; from += chunk) {
    const to = Math.min(from + chunk, wallets) - 1;
    const each = `generate_series(${from}, ${to}) as w`;
    const spent = `${each}, generate_series(1, ${spends}) as n`;
    for (const statement of [
      `insert into ${schema}.users (id) select ${userId} from ${each}`,
      `insert into ${schema}.wallets (id, user_id, currency, balance, version, lots)
       select ${walletId}, ${userId}, 'COIN', ${balance - spends}, ${1 + spends},
         jsonb_build_array(jsonb_build_array(${grantId}, ${balance - spends})) from ${each}`,
      `insert into ${schema}.lots (id, wallet_id, bucket, coins)
       select ${grantId}, ${walletId}, 'paid', ${balance} from ${each}`,
      `insert into ${schema}.operations (id, kind, status, due, wallet_id, user_id, amount, bucket, idempotency_key,
         body_hash, balance_after, wallet_version, settled_at)
       select ${grantId}, 'grant', 'applied', false, ${walletId}, ${userId}, ${balance}, 'paid', 'opening-' || w, '',
         ${balance}, 1, now() from ${each}`,
      `insert into ${schema}.entries (operation_id, wallet_id, account, counter, amount, balance_after, version, lots)
       select ${grantId}, ${walletId}, account, counter, sign * ${balance}::bigint, version * ${balance}::bigint, version,
         case when version = 1 then jsonb_build_array(jsonb_build_array(${grantId}, ${balance})) end
       from ${each}, (values ('wallet', 'grants', 1, 1), ('grants', null, -1, null::int)) as s (account, counter, sign, version)`,
      `insert into ${schema}.operations (id, kind, status, due, wallet_id, user_id, amount, idempotency_key, body_hash,
         balance_after, wallet_version, settled_at)
       select ${operationId}, 'spend', 'applied', false, ${walletId}, ${userId}, 1, 'spend-' || w || '-' || n,
         '\\x00', ${balance} - n, 1 + n, now() from ${spent}`,
      `insert into ${schema}.entries (operation_id, wallet_id, account, counter, amount, balance_after, version, lots)
       select ${operationId}, ${walletId}, account, counter, sign, case when sign = -1 then ${balance} - n end,
         case when sign = -1 then 1 + n end,
         case when sign = -1 then jsonb_build_array(jsonb_build_array(${grantId}, -1)) end
       from ${spent}, (values ('wallet', 'sales', -1), ('sales', null, 1)) as s (account, counter, sign)`,
    ])
      await owner.query(statement);
  }
  for (const table of ['users', 'wallets', 'lots', 'operations', 'entries'])
    await owner.query(`vacuum analyze ${schema}.${table}`);
  await owner.query('checkpoint');
  return { tenant, wallets: spread(wallets) };
}

/** As many as the empty ledger has, from all parts of the grown one. */
function spread(wallets: number): BenchWallet[] {
  const uuid = (kind: string, number: number) =>
    `01900000-${kind}-7000-8000-${number.toString(16).padStart(12, '0')}`;
  return Array.from({ length: walletCount }, (_, i) => {
    const number = Math.floor((i * wallets) / walletCount);
    return { id: uuid('0001', number), userId: uuid('0002', number) };
  });
}
