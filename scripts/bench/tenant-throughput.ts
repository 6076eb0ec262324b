// How many operations a second are accepted and settled when they are all of one tenant, and when each may be of another.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Accept } from '#api/accept.ts';
import type { Services } from '#shared/boot/services.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type BenchWallet, type Ledger, makeTenant } from './bench-tenant.ts';
import { untilSettled } from './http.ts';
import { printRatios, type Ratio } from './ratios.ts';

const rounds = 3;
const operations = 20_000;
const inFlight = 1000;
const lookingLanes = 8;
const sealedLookMs = 200;

/** Whose operations these are. */
interface Payer extends BenchWallet {
  tenant: Tenant;
}

const payersOf = ({ tenant, wallets }: Ledger): Payer[] => wallets.map((wallet) => ({ ...wallet, tenant }));

/** Without HTTP, and without anybody who waits: those tenants in turn, beside one with many wallets. */
export async function compareThroughput(services: Services, accept: Accept, slugs: string[]): Promise<void> {
  const one = payersOf(await makeTenant(services, 'alone'));
  const all = await findPayers(services, slugs);
  // Each connection that serves a tenant plans its statements once; what is compared is how it goes on.
  for (const payers of [one, all]) await measureThroughput(services, accept, payers);
  const name = `accepted and settled, ${slugs.length} tenants / one`;
  const ratio: Ratio = { name, values: [], bound: { atLeast: 0.5 } };
  for (let round = 1; round <= rounds; round += 1) {
    await untilSealed(services, slugs);
    const alone = await measureThroughput(services, accept, one);
    await untilSealed(services, ['alone']);
    const spread = await measureThroughput(services, accept, all);
    ratio.values.push(spread / alone);
    console.log(
      `round ${round} accepted and settled, one tenant; ${slugs.length} in turn: ${alone.toFixed(0)}/s; ${spread.toFixed(0)}/s`,
    );
  }
  printRatios([ratio]);
}

/** The first wallet of each tenant. */
async function findPayers({ db, tenants }: Services, slugs: string[]): Promise<Payer[]> {
  const payers: Payer[] = [];
  for (const slug of slugs) {
    const found = await db.owner.query<{ id: string; userId: string }>(
      `select id, user_id as "userId" from "tenant_${slug}".wallets limit 1`,
    );
    const tenant = await tenants.find(slug);
    if (!tenant || !found.rows[0]) throw new Error(`nobody has a wallet at ${slug}`);
    payers.push({ ...found.rows[0], tenant });
  }
  return payers;
}

/**
 * Spends of payers in turn, as many in flight as in the other runs.
 * @returns operations per second, to the last settled
 * @throws Error when one was not applied
 */
async function measureThroughput(services: Services, accept: Accept, payers: Payer[]): Promise<number> {
  const slugs = [...new Set(payers.map(({ tenant }) => tenant.slug))];
  const before = await countApplied(services, slugs);
  const started = performance.now();
  let sent = 0;
  const sender = async () => {
    while (sent < operations) {
      const payer = payers[sent % payers.length] as Payer;
      sent += 1;
      const body = { amount: 1 };
      const { id: walletId, userId } = payer;
      const draft = { kind: 'spend' as const, walletId, userId, ...body, idempotencyKey: randomUUID(), body };
      await accept.submit(payer.tenant, newId(), draft, { wait: false });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
  await eachOf(slugs, (slug) => untilSettled(services, slug));
  const seconds = (performance.now() - started) / 1000;
  const applied = (await countApplied(services, slugs)) - before;
  if (applied !== operations) throw new Error(`${applied} of ${operations} were applied`);
  return operations / seconds;
}

/** What one run left to be done later must not be done during the next. */
async function untilSealed({ db }: Services, slugs: string[]): Promise<void> {
  await eachOf(slugs, async (slug) => {
    for (;;) {
      const found = await db.owner.query<{ waits: boolean }>(
        `select exists (select from "tenant_${slug}".seal_queue) as waits`,
      );
      if (!found.rows[0]?.waits) return;
      await sleep(sealedLookMs);
    }
  });
}

async function countApplied({ db }: Services, slugs: string[]): Promise<number> {
  let applied = 0;
  await eachOf(slugs, async (slug) => {
    const found = await db.owner.query<{ count: number }>(
      `select count(*)::int as count from "tenant_${slug}".operations where kind = 'spend' and status = 'applied'`,
    );
    applied += found.rows[0]?.count ?? 0;
  });
  return applied;
}

async function eachOf(slugs: string[], work: (slug: string) => Promise<void>): Promise<void> {
  const left = [...slugs];
  const lane = async () => {
    for (let slug = left.pop(); slug !== undefined; slug = left.pop()) await work(slug);
  };
  await Promise.all(Array.from({ length: lookingLanes }, lane));
}
