// Settled one by one, or in batches of whatever size and order they come: the same outcomes, to the last row.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OperationDraft, toRow } from '#api/journal-row.ts';
import { insertOperations, type JournalRow } from '#shared/db/journal.ts';
import { withTenant } from '#shared/db/pool.ts';
import { insertPurchases } from '#shared/db/purchases.ts';
import { newId } from '#shared/runtime/ids.ts';
import { backends } from '#tests/support/backends.ts';
import { createTenant } from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { settle } from '#workers/settle.ts';
import { draftOf, type Earlier, type Owner } from './drafts.ts';
import { history, type Plan, type Round } from './history.ts';
import { insertOwners, newOwners } from './run-history.ts';

const runs = Number(process.env.TEST_HISTORIES ?? 500) / 20;
/** Between two operations, in milliseconds: what runs out does so in the midst of a history. */
const gapMs = 20;

let system: System;
const tenants = { single: uniqueSlug('single'), batched: uniqueSlug('batched') };

beforeAll(async () => {
  const [backend] = backends;
  if (!backend) throw new Error('there is a backend');
  system = await startSystem('batching', { backend, workers: false });
  for (const slug of Object.values(tenants)) await createTenant(system.url, slug);
});
afterAll(() => system?.close());

interface Written {
  row: JournalRow;
  quote?: OperationDraft['quote'];
  at: number;
  round: Round;
}

/** The rows that a history journals, with the time of each. */
function rowsOf(rounds: Round[], owners: Owner[]): Written[] {
  const stranger = { userId: newId(), walletId: newId() };
  // Between wallets there is no order to keep: whoever of two comes to one stock first may differ.
  const party = { owners, stranger, ownStocks: true };
  const earlier: Earlier[] = [];
  const written: Written[] = [];
  let at = Date.now() - 86_400_000 * 2;
  for (const round of rounds) {
    const groupId = round.atomic ? newId() : null;
    const before = [...earlier];
    const ids = round.plans.map(newId).sort();
    for (const [index, plan] of round.plans.entries()) {
      at += gapMs;
      const draft = plan.kind === 'clawback' ? undefined : draftOf(plan, party, before, at);
      const row = draft ? { ...toRow(ids[index] as string, draft), due: true } : clawbackOf(plan, before);
      if (!row) continue;
      if (plan.kind !== 'purchase' && plan.kind !== 'clawback') row.groupId = groupId;
      written.push({ row, quote: draft?.quote, at, round });
      const { id, userId, walletId } = row;
      earlier.push({ id, kind: plan.kind, owner: { userId, walletId } });
    }
  }
  return written;
}

/** Money of a purchase that was taken back, as the provider's event would journal it. */
function clawbackOf(plan: Plan, earlier: Earlier[]): JournalRow | undefined {
  const purchases = earlier.filter((each) => each.kind === 'purchase');
  const target = purchases.at(-1 - (plan.back % Math.max(purchases.length, 1)));
  if (!target) return undefined;
  const { amount, shortfall } = plan;
  const id = newId();
  const draft = { ...target.owner, kind: 'refund', amount, idempotencyKey: id, body: plan } as const;
  return { ...toRow(id, draft), kind: 'clawback', originalId: target.id, shortfall, due: true };
}

async function journal(slug: string, owners: Owner[], written: Written[]): Promise<void> {
  await insertOwners(system.services, slug, owners);
  await withTenant(system.services.db.app, slug, async (tx) => {
    for (const [, sent] of Map.groupBy(written, ({ round }) => round)) {
      for (const [, rows] of Map.groupBy(
        sent.map(({ row }) => row),
        (row) => row.groupId,
      ))
        await insertOperations(tx, rows);
    }
    const bought = written.flatMap(({ row, quote }) =>
      quote ? [{ operationId: row.id, coins: row.amount ?? 0, ...quote }] : [],
    );
    if (bought.length > 0) await insertPurchases(tx, bought);
    await tx.query(
      `update operations o set created_at = u.at from unnest($1::uuid[], $2::timestamptz[]) as u (id, at) where o.id = u.id`,
      [written.map((each) => each.row.id), written.map((each) => new Date(each.at).toISOString())],
    );
  });
}

const tables: Record<string, string> = {
  operations: `select id, kind, status, reason, due, amount, bonus, refunded, balance_after, wallet_version, original_id
    from operations where wallet_id = any($1::uuid[]) order by id`,
  entries: `select operation_id, wallet_id, account, counter, amount, bonus, lots, balance_after, version
    from entries where wallet_id = any($1::uuid[]) order by wallet_id, version, operation_id, account`,
  wallets: `select id, balance, bonus, held, debt, lots, holds, version, revision, frozen_reason
    from wallets where id = any($1::uuid[]) order by id`,
  lots: `select id, operation_id, wallet_id, bucket, coins, priority, expires_at, source
    from lots where wallet_id = any($1::uuid[]) order by id`,
  holds: `select id, amount, captured, status from holds where wallet_id = any($1::uuid[]) order by id`,
  entitlements: `select t.id, item, quantity, used, revoked from entitlements t join operations o on o.id = t.id
    where o.wallet_id = any($1::uuid[]) order by id`,
  stock: `select item, sold from item_sales where split_part(item, '-', 5) = split_part(($1::uuid[])[1]::text, '-', 1)
    order by item`,
  // Set and lifted again within one batch it never shows.
  freezes: `select wallet_id, cause, reason from wallet_freezes where wallet_id = any($1::uuid[]) and lifted_at is null
    order by wallet_id, cause`,
  arrivals: `select a.operation_id from arrivals a where a.wallet_id = any($1::uuid[])`,
};

async function read(slug: string, owners: Owner[]): Promise<Record<string, unknown[]>> {
  const ids = owners.map((each) => each.walletId);
  const found: Record<string, unknown[]> = {};
  await withTenant(system.services.db.app, slug, async (tx) => {
    for (const [name, text] of Object.entries(tables)) found[name] = (await tx.query(text, [ids])).rows;
  });
  return found;
}

/** How a run cuts what waits: which operations it names next, and how many one transaction may take. */
const cuts = fc.array(
  fc.record({
    skip: fc.nat(30),
    take: fc.integer({ min: 1, max: 25 }),
    limit: fc.integer({ min: 1, max: 40 }),
  }),
  {
    minLength: 1,
    maxLength: 6,
  },
);

test('any history in any batching gives the same outcomes and entries', {
  timeout: 60_000 + runs * 10_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(history, cuts, async (rounds, cutting) => {
      const owners = newOwners();
      const written = rowsOf(rounds, owners);
      const ids = written.map((each) => each.row.id);
      for (const slug of Object.values(tenants)) await journal(slug, owners, written);
      for (const id of ids) {
        for (let more = true; more; )
          ({ more } = await settle(system.services, tenants.single, [id], { limit: 1 }));
      }
      for (const { skip, take, limit } of cutting) {
        await settle(system.services, tenants.batched, ids.slice(skip, skip + take), { limit });
      }
      for (let more = true; more; )
        ({ more } = await settle(system.services, tenants.batched, ids, { limit: 2000 }));
      const single = await read(tenants.single, owners);
      expect(single.operations?.length).toBeGreaterThanOrEqual(ids.length);
      expect(single.arrivals).toEqual([]);
      expect(await read(tenants.batched, owners)).toEqual(single);
    }),
    { numRuns: runs, endOnFailure: true },
  );
});

test('what was frozen, repaid and owed again within one batch is as free as one by one', async () => {
  const base = { paid: true, priority: 50, expiresIn: null, copies: 1, wallet: 0, open: false, back: 0 };
  const plans = [
    { ...base, kind: 'purchase', amount: 10 },
    { ...base, kind: 'clawback', amount: 25, shortfall: 'freeze' },
    { ...base, kind: 'grant', amount: 20 },
    { ...base, kind: 'clawback', amount: 7, shortfall: 'debt' },
  ] as Plan[];
  const owners = newOwners();
  const written = rowsOf(
    plans.map((plan) => ({ plans: [plan], atomic: false, waits: false })),
    owners,
  );
  const ids = written.map(({ row }) => row.id);
  for (const slug of Object.values(tenants)) await journal(slug, owners, written);
  for (const id of ids) await settle(system.services, tenants.single, [id], { limit: 1 });
  await settle(system.services, tenants.batched, ids, { limit: 100 });
  const single = await read(tenants.single, owners);
  const [owner] = owners;
  expect(single.wallets?.find((each) => (each as { id: string }).id === owner?.walletId)).toMatchObject({
    debt: 2,
    frozen_reason: null,
  });
  expect(await read(tenants.batched, owners)).toEqual(single);
});
