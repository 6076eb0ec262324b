// The set-based statements by which settling writes the ledger, each sent without waiting for the one before.
import { toLines } from '../ledger/lots.ts';
import type { Applied, Decision, NewLot, OriginalState, WalletState } from '../ledger/states.ts';
import { arrayLiteral, unlessEmpty, unnested } from './array-literal.ts';
import type { DueOperation } from './ledger.ts';
import type { Tx } from './pool.ts';
import { nowInPlace } from './tenant-clock.ts';

const timeOf = (ms: number | null | undefined) => (ms == null ? null : new Date(ms).toISOString());

/** Writes the wallets as they are after the batch. The unique versions of entries would catch a lock that was not held. */
export function sendWallets(tx: Tx, wallets: WalletState[]): void {
  tx.send({
    name: 'write_wallets',
    text: `update wallets w set balance = u.balance, bonus = u.bonus, held = u.held, debt = u.debt, lots = u.lots,
        holds = coalesce(u.holds, '[]'), next_expiry = u.next_expiry, version = u.version, revision = u.revision
      from ${unnested(`id uuid, balance bigint, bonus bigint, held bigint, debt bigint, lots jsonb, holds jsonb,
        next_expiry timestamptz, version bigint, revision bigint`)}
      where w.id = u.id`,
    values: [
      arrayLiteral(wallets.map((wallet) => wallet.id)),
      arrayLiteral(wallets.map((wallet) => wallet.balance)),
      arrayLiteral(wallets.map((wallet) => wallet.bonus)),
      arrayLiteral(wallets.map((wallet) => wallet.held)),
      arrayLiteral(wallets.map((wallet) => wallet.debt)),
      wallets.map((wallet) => JSON.stringify(toLines(wallet.lots))),
      unlessEmpty(wallets.map(({ holds }) => (holds.length === 0 ? null : holdsText(holds)))),
      unlessEmpty(wallets.map((wallet) => timeOf(wallet.nextExpiry))),
      arrayLiteral(wallets.map((wallet) => wallet.version)),
      arrayLiteral(wallets.map((wallet) => wallet.revision)),
    ],
  });
}

const holdsText = (holds: WalletState['holds']) =>
  JSON.stringify(holds.map((hold) => ({ ...hold, lots: toLines(hold.lots) })));

/** Both sides of every posting: the wallet's, with its lots, balance and version, and the counter account's. */
export function sendEntries(tx: Tx, applied: Applied[]): void {
  const rows = applied.flatMap(({ operation, postings }) =>
    postings.map((posting) => ({ operationId: operation.id, ...posting })),
  );
  if (rows.length === 0) return;
  // Postings of a wallet come in order: the last one of all closes what this transaction did to it.
  const last = new Map(rows.map((each) => [each.walletId, each]));
  tx.send({
    name: 'write_entries',
    text: `insert into entries (operation_id, wallet_id, account, counter, amount, bonus, lots, balance_after, version,
        closing, created_at)
      select u.operation_id, u.wallet_id, side.account, side.counter, side.amount, side.bonus, side.lots,
        side.balance_after, side.version, u.closing, ${nowInPlace}
      from ${unnested(`operation_id uuid, wallet_id uuid, counter text, change bigint, bonus bigint, balance_after bigint,
        version bigint, lots jsonb, closing boolean`)},
      lateral (values ('wallet', u.counter, u.change, u.bonus, u.lots, u.balance_after, u.version),
        (u.counter, null, -u.change, -u.bonus, null, null, null))
        as side (account, counter, amount, bonus, lots, balance_after, version)`,
    values: [
      arrayLiteral(rows.map((each) => each.operationId)),
      arrayLiteral(rows.map((each) => each.walletId)),
      arrayLiteral(rows.map((each) => each.counter)),
      arrayLiteral(rows.map((each) => each.change)),
      arrayLiteral(rows.map((each) => each.bonusChange)),
      arrayLiteral(rows.map((each) => each.balanceAfter)),
      arrayLiteral(rows.map((each) => each.version)),
      rows.map((each) => JSON.stringify(each.lots)),
      arrayLiteral(rows.map((each) => last.get(each.walletId) === each)),
    ],
  });
}

/** One row for each lot that was made, with the money that it cost where it was bought. */
export function sendLots(tx: Tx, made: (NewLot & { operationId: string })[]): void {
  tx.send({
    name: 'write_lots',
    text: `insert into lots (id, operation_id, wallet_id, bucket, coins, priority, expires_at, source, price, currency,
        created_at)
      select u.id, u.operation_id, u.wallet_id, u.bucket, u.coins, coalesce(u.priority, 50), u.expires_at, u.source,
        p.price, p.currency, ${nowInPlace}
      from ${unnested(`id uuid, operation_id uuid, wallet_id uuid, bucket text, coins bigint, priority smallint,
        expires_at timestamptz, source uuid`)}
      left join purchases p on p.operation_id = u.id`,
    values: [
      arrayLiteral(made.map(({ lot }) => lot.id)),
      arrayLiteral(made.map((each) => each.operationId)),
      arrayLiteral(made.map((each) => each.walletId)),
      arrayLiteral(made.map(({ lot }) => (lot.bonus ? 'bonus' : 'paid'))),
      arrayLiteral(made.map(({ lot }) => lot.coins)),
      unlessEmpty(made.map(({ lot }) => lot.priority ?? null)),
      unlessEmpty(made.map(({ lot }) => timeOf(lot.expiresAt))),
      unlessEmpty(made.map((each) => each.source)),
    ],
  });
}

const writeOutcomes = `update operations o set due = false, status = u.status, reason = u.reason, amount = u.amount,
    bonus = u.bonus, balance_after = u.balance_after, wallet_version = u.version,
    settled_at = ${nowInPlace}
  from ${unnested(`id uuid, status text, reason text, amount bigint, bonus bigint, balance_after bigint, version bigint`)}
  where o.id = u.id and o.due`;

/** Writes each outcome once: the row must still be due. */
export function sendOutcomes(tx: Tx, decisions: Decision[]): void {
  tx.send({ name: 'write_outcomes', text: writeOutcomes, values: outcomeValues(decisions) });
}

/** As `sendOutcomes`, for a batch with somebody waiting: @returns the time that all of them were given. */
export function sendOutcomesTimed(tx: Tx, decisions: Decision[]): Promise<Date | undefined> {
  const answer = tx.send<{ at: Date }>({
    name: 'write_outcomes_timed',
    text: `with written as (${writeOutcomes} returning settled_at) select settled_at as at from written limit 1`,
    values: outcomeValues(decisions),
  });
  return answer.then(
    ({ rows }) => rows[0]?.at,
    // The transaction has failed, and says so itself.
    () => undefined,
  );
}

const outcomeValues = (decisions: Decision[]) => [
  arrayLiteral(decisions.map((each) => each.operation.id)),
  arrayLiteral(decisions.map((each) => each.status)),
  unlessEmpty(decisions.map((each) => (each.status === 'rejected' ? each.reason : null))),
  arrayLiteral(decisions.map(settledAmount)),
  arrayLiteral(decisions.map((each) => (each.status === 'applied' ? each.bonus : 0))),
  arrayLiteral(decisions.map((each) => each.balanceAfter)),
  arrayLiteral(decisions.map((each) => each.version)),
];

/** The amount of an operation as its outcome has it; null: it moves no coins. */
export function settledAmount(decision: Decision): number | null {
  if (decision.status === 'rejected') return decision.operation.amount;
  return decision.amount === 0 ? null : decision.amount;
}

/** Operations of our own that were decided as they were made: what ran out. */
export function sendOwnOperations(tx: Tx, applied: Applied[]): void {
  tx.send({
    name: 'write_own_operations',
    text: `insert into operations (id, kind, status, due, wallet_id, user_id, amount, original_id, idempotency_key,
        body_hash, bonus, balance_after, wallet_version, created_at, settled_at)
      select u.id, u.kind, 'applied', false, u.wallet_id, u.user_id, u.amount, u.original_id, ' expiry:' || u.id, '',
        u.bonus, u.balance_after, u.version, u.at, ${nowInPlace}
      from ${unnested(`id uuid, kind text, wallet_id uuid, user_id uuid, amount bigint, original_id uuid, bonus bigint,
        balance_after bigint, version bigint, at timestamptz`)}`,
    values: [
      arrayLiteral(applied.map(({ operation }) => operation.id)),
      arrayLiteral(applied.map(({ operation }) => operation.kind)),
      arrayLiteral(applied.map(({ operation }) => operation.walletId)),
      arrayLiteral(applied.map(({ operation }) => operation.userId)),
      arrayLiteral(applied.map((each) => each.amount)),
      unlessEmpty(applied.map(({ operation }) => operation.originalId)),
      arrayLiteral(applied.map((each) => each.bonus)),
      arrayLiteral(applied.map((each) => each.balanceAfter)),
      arrayLiteral(applied.map((each) => each.version)),
      applied.map(({ operation }) => timeOf(operation.at)),
    ],
  });
}

/** Remembers how much of earlier operations is undone now. */
export function sendRefunded(tx: Tx, originals: OriginalState[]): void {
  tx.send({
    name: 'write_refunded',
    text: `update operations o set refunded = u.refunded
      from ${unnested('id uuid, refunded bigint')} where o.id = u.id`,
    values: [
      arrayLiteral(originals.map((each) => each.id)),
      arrayLiteral(originals.map((each) => each.refunded)),
    ],
  });
}

/** What has its outcome does not wait on the other wallets any more. */
export function sendArrived(tx: Tx, arrived: { walletId: string; operation: DueOperation }[]): void {
  tx.send({
    name: 'delete_arrivals',
    text: `delete from arrivals a using ${unnested('wallet_id uuid, seq bigint, operation_id uuid')}
      where a.wallet_id = u.wallet_id and a.seq = u.seq and a.operation_id = u.operation_id`,
    values: [
      arrayLiteral(arrived.map((each) => each.walletId)),
      arrayLiteral(arrived.map(({ operation }) => operation.seq)),
      arrayLiteral(arrived.map(({ operation }) => operation.id)),
    ],
  });
}
