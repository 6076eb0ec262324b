// Replays what was settled, in the order in which it was, on the model, and names the first difference.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { Services } from '#shared/boot/services.ts';
import { withTenant } from '#shared/db/pool.ts';
import { step } from './coin-model.ts';
import { balanceOf, emptyModel, type Model, passTime, type Sent, walletIn } from './coins.ts';
import { classesOfCoins, classesOfLines } from './lot-classes.ts';
import type { Played } from './run-history.ts';

interface Row extends Omit<Sent, 'at'> {
  at: Date;
  seq: number;
  status: string;
  reason: string | null;
  balanceAfter: number;
  version: number;
  settledAt: string;
  parties: string[] | null;
  /** Booked what had run out. */
  own: boolean;
}

interface WalletRow {
  id: string;
  balance: number;
  bonus: number;
  held: number;
  debt: number;
  version: number;
  lots: unknown[][];
  holds: { id: string; lots: unknown[][] }[];
}

interface EntryRow {
  operationId: string;
  walletId: string;
  account: string;
  amount: number;
  balanceAfter: number | null;
  version: number | null;
  lots: unknown[][] | null;
}

async function read(services: Services, tenant: string, walletIds: string[]) {
  return withTenant(
    services.db.app,
    tenant,
    async (tx) => {
      const wallets = await tx.query<WalletRow>(
        `select id, balance, bonus, held, debt, version, lots, holds from wallets where id = any($1::uuid[])`,
        [walletIds],
      );
      // Of one transaction the sequence tells; of two that met at a wallet the time of their writing.
      const operations = await tx.query<Row>(
        `select id, kind, status, reason, wallet_id as "walletId", user_id as "userId", amount, bucket,
           original_id as "originalId", shortfall, terms, group_id as "groupId", seq, created_at as at,
           balance_after as "balanceAfter", wallet_version as version, settled_at::text as "settledAt", parties,
           idempotency_key like ' expiry:%' as own
         from operations where wallet_id = any($1::uuid[]) order by settled_at, seq, id`,
        [walletIds],
      );
      const entries = await tx.query<EntryRow>(
        `select operation_id as "operationId", wallet_id as "walletId", account, amount,
           balance_after as "balanceAfter", version, lots
         from entries where wallet_id = any($1::uuid[]) order by wallet_id, version nulls last`,
        [walletIds],
      );
      return { wallets: wallets.rows, operations: operations.rows, entries: entries.rows };
    },
    'snapshot',
  );
}

/** @throws AssertionError that names what differs. */
export async function compare(services: Services, tenant: string, played: Played): Promise<void> {
  const { wallets, operations, entries } = await read(
    services,
    tenant,
    played.owners.map((each) => each.walletId),
  );
  checkBooks(wallets, entries);
  checkOrder(operations, played);
  const model = emptyModel();
  for (const { walletId } of played.owners) walletIn(model, walletId);
  replay(model, operations, (wallet) => tell(operations, played.rounds, wallet));
  for (const wallet of wallets) checkWallet(model, wallet);
}

function checkBooks(wallets: WalletRow[], entries: EntryRow[]): void {
  for (const [, group] of Map.groupBy(entries, (each) => each.operationId)) {
    assert.equal(
      sum(group, (each) => each.amount),
      0,
      'entries of an operation sum to zero',
    );
  }
  for (const wallet of wallets) {
    const own = entries.filter((each) => each.walletId === wallet.id && each.account === 'wallet');
    let balance = 0;
    own.forEach((entry, at) => {
      balance += entry.amount;
      assert.equal(entry.version, at + 1, 'versions have no gap');
      assert.equal(entry.balanceAfter, balance, 'each entry has the balance after it');
      assert.equal(sum(entry.lots ?? [], coinsOf), entry.amount, 'the lots of an entry sum to it');
    });
    assert.equal(wallet.balance, balance, 'the balance is the sum of the entries');
    assert.equal(wallet.version, own.length);
    const held = wallet.holds.flatMap((hold) => hold.lots);
    assert.equal(sum(held, coinsOf), wallet.held, 'lots of holds sum to what is held');
    assert.equal(sum(wallet.lots, coinsOf) + wallet.held, balance, 'free lots and holds sum to the balance');
  }
}

const coinsOf = (line: unknown[]) => line[1] as number;
const sum = <T>(items: readonly T[], of: (item: T) => number) =>
  items.reduce((total, each) => total + of(each), 0);

/** What was answered in one round was settled before what was sent in a later one, on each of its wallets. */
function checkOrder(operations: Row[], { rounds, owners }: Played): void {
  const known = new Set(owners.map((each) => each.walletId));
  const last = new Map<string, number>();
  for (const row of operations) {
    const round = rounds.get(row.id);
    if (round === undefined) continue;
    for (const wallet of [row.walletId, ...(row.parties ?? [])].filter((id) => known.has(id))) {
      if (round < (last.get(wallet) ?? 0))
        assert.fail(`${row.kind} ${row.id} was overtaken:\n${tell(operations, rounds, wallet)}`);
      last.set(wallet, round);
    }
  }
}

/** What happened on a wallet, in order. */
function tell(operations: Row[], rounds: Played['rounds'], wallet: string): string {
  const lines = operations.flatMap((row) => {
    if (row.walletId !== wallet && !row.parties?.includes(wallet)) return [];
    const { id, seq, kind, status, reason, settledAt, groupId, parties } = row;
    return [
      JSON.stringify({ round: rounds.get(id), seq, kind, status, reason, settledAt, id, groupId, parties }),
    ];
  });
  return lines.join('\n');
}

function replay(model: Model, rows: Row[], tellOf: (wallet: string) => string): void {
  const groups = Map.groupBy(rows, (row) => row.groupId);
  const unitOf = (row: Row) => (row.groupId === null ? [row] : (groups.get(row.groupId) ?? []));
  // What an operation booked on its way it books here, too; what the sweep booked has a time of its own.
  const looked = new Set(
    rows.flatMap((row) =>
      row.own
        ? []
        : unitOf(row).flatMap((each) => walletsOf(each).map((id) => `${id}/${unitOf(row)[0]?.at.getTime()}`)),
    ),
  );
  const done = new Set<string>();
  for (const row of rows) {
    if (done.has(row.id)) continue;
    if (row.own && looked.has(`${row.walletId}/${row.at.getTime()}`)) continue;
    const members = unitOf(row);
    for (const member of members) done.add(member.id);
    const sent = members.map((member): Sent => ({ ...member, at: member.at.getTime() }));
    const at = sent[0]?.at ?? 0;
    for (const id of members.flatMap(walletsOf)) {
      const wallet = model.wallets.get(id);
      if (wallet) passTime(wallet, at);
    }
    // Our own operations book what has run out; that has just happened.
    if (row.own) continue;
    const outcomes = sent.length === 1 ? [one(model, sent[0] as Sent)] : all(model, sent);
    members.forEach((member, index) => {
      const { kind, status, reason, amount, balanceAfter } = member;
      const found = { kind, status, reason, amount, balanceAfter };
      const expected = { kind, ...outcomes[index] };
      if (isDeepStrictEqual(found, expected)) return;
      const both = `${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`;
      assert.fail(`operation ${member.id} is ${both}:\n${tellOf(member.walletId)}`);
    });
  }
}

const walletsOf = ({ walletId, parties }: Row) => [walletId, ...(parties ?? [])];

interface Expected {
  status: string;
  reason: string | null;
  amount: number | null;
  balanceAfter: number;
}

function one(model: Model, sent: Sent): Expected {
  const verdict = step(model, sent);
  const balanceAfter = balanceOf(walletIn(model, sent.walletId));
  return typeof verdict === 'string'
    ? { status: 'rejected', reason: verdict, amount: sent.amount, balanceAfter }
    : { status: 'applied', reason: null, amount: verdict.amount, balanceAfter };
}

function all(model: Model, members: Sent[]): Expected[] {
  const before = structuredClone(model);
  const outcomes: Expected[] = [];
  for (const sent of members) {
    const outcome = one(model, sent);
    outcomes.push(outcome);
    if (outcome.status === 'applied') continue;
    Object.assign(model, before);
    return members.map((each) => ({
      status: 'rejected',
      reason: each === sent ? outcome.reason : 'batch_failed',
      amount: each.amount,
      balanceAfter: balanceOf(walletIn(model, each.walletId)),
    }));
  }
  return outcomes;
}

/** Free lots and those of holds, summed by what they are: names of lots are the product's own. */
function checkWallet(model: Model, wallet: WalletRow): void {
  const expected = walletIn(model, wallet.id);
  assert.equal(wallet.debt, expected.debt, 'debt');
  assert.deepEqual(classesOfLines(wallet.lots), classesOfCoins(expected.free), 'free lots');
  const holds = wallet.holds.map((hold) => [hold.id, classesOfLines(hold.lots)]);
  assert.deepEqual(
    new Map(holds as [string, object][]),
    new Map(expected.holds.map((hold) => [hold.id, classesOfCoins(hold.coins)])),
    'holds',
  );
}
