// Tells what one operation does as a row of a table: the wallets before it, and its outcome to the very lot.
import { expect } from 'vitest';
import { decide } from '#shared/ledger/decide.ts';
import { bonusIn, coinsIn, type Lot } from '#shared/ledger/lots.ts';
import type {
  Applied,
  EntitlementChange,
  Hold,
  HoldChange,
  NewLot,
  OriginalState,
  PendingOperation,
  Refusal,
  WalletState,
} from '#shared/ledger/states.ts';
import type { Guard } from '#shared/ledger/velocity.ts';
import { originalsOf, pendingOf, soonestOf, walletOf } from '#tests/support/ledger.ts';

/** A wallet beside the operation's own: what is free in it, what it owes, why it is frozen. */
type Beside = [lots: Lot[], debt?: number, frozen?: string | null];

export interface LedgerRow {
  promise: string;
  lots?: Lot[];
  wallet?: Partial<WalletState>;
  operation: Partial<PendingOperation>;
  /** The rules of the tenant, and what they know. */
  guard?: Guard;
  original?: OriginalState;
  /** Other wallets that are locked, by id. */
  beside?: Record<string, Beside>;
  /** Units sold by item, and owned by `user/item`. */
  sales?: Record<string, number>;
  owned?: Record<string, number>;
  /** When coins of lots were sent by others, by lot. */
  earned?: Record<string, number>;
  /** Either this, or why it is held, or the free lots after it, in burning order. */
  refusal?: Refusal;
  heldFor?: string;
  after?: Lot[];
  /** Active holds after it; as before unless given. So are the wallets beside, and the units. */
  holdsAfter?: Hold[];
  besideAfter?: Record<string, Beside>;
  salesAfter?: Record<string, number>;
  ownedAfter?: Record<string, number>;
  /** Change of what is owed and of what was written off; 0 unless given. */
  debt?: number;
  writtenOff?: number;
  frozen?: string | null;
  /** What the original remembers afterwards. */
  remembers?: Partial<OriginalState>;
  /** What is told of the operation. */
  tells?: { hold?: HoldChange; entitlement?: EntitlementChange; newLots?: NewLot[]; amount?: number };
  /** Of each posting: wallet, account on the other side, coins. */
  postings?: [walletId: string, counter: string, change: number][];
}

/** What a row is decided on; each call builds it anew. */
function groundOf(row: LedgerRow) {
  const state = walletOf(row.lots ?? [], row.wallet);
  const others = Object.entries(row.beside ?? {}).map(([id, [lots, debt = 0, frozenReason = null]]) =>
    walletOf(lots, { id, userId: `user of ${id}`, debt, frozenReason }),
  );
  return structuredClone({
    state,
    wallets: new Map([state, ...others].map((wallet) => [wallet.id, wallet])),
    originals: originalsOf(...(row.original ? [row.original] : [])),
    sales: new Map(Object.entries(row.sales ?? {})),
    owned: new Map(Object.entries(row.owned ?? {})),
    earned: new Map(Object.entries(row.earned ?? {})),
    guard: row.guard,
  });
}

/** Decides the row's operation and holds the outcome against it. */
export function expectRow(row: LedgerRow): void {
  const before = groundOf(row);
  const ground = groundOf(row);
  const { state, originals, guard } = ground;
  const decision = decide(state, pendingOf(row.operation), originals, guard, ground);
  if (decision.status !== 'applied') {
    if (decision.status === 'held') expect(decision.heldFor).toBe(row.heldFor);
    else {
      expect(decision.reason).toBe(row.refusal);
      expect(decision).toMatchObject({ balanceAfter: before.state.balance, version: before.state.version });
    }
    expect(ground).toEqual(before);
    return;
  }
  expect(row.refusal ?? row.heldFor, 'it was applied').toBeUndefined();
  const { debtChange, writtenOffChange } = decision;
  expect(state.lots).toEqual(row.after);
  expect(state.holds).toEqual(row.holdsAfter ?? before.state.holds);
  expect([debtChange + 0, writtenOffChange + 0]).toEqual([row.debt ?? 0, row.writtenOff ?? 0]);
  expect(state.debt).toBe(before.state.debt + debtChange);
  expectWhole(before.state, state, decision);
  expect(state.frozenReason).toBe(row.frozen === undefined ? before.state.frozenReason : row.frozen);
  for (const [id, expected] of Object.entries(row.besideAfter ?? row.beside ?? {})) {
    const wallet = ground.wallets.get(id)!;
    expect([wallet.lots, wallet.debt, wallet.frozenReason]).toEqual([
      expected[0],
      expected[1] ?? 0,
      expected[2] ?? null,
    ]);
    expectWhole(before.wallets.get(id)!, wallet, decision);
  }
  expect(Object.fromEntries(ground.sales)).toEqual(row.salesAfter ?? row.sales ?? {});
  expect(Object.fromEntries(ground.owned)).toEqual(row.ownedAfter ?? row.owned ?? {});
  if (row.remembers) expect(originals.get(row.original?.id ?? '')).toMatchObject(row.remembers);
  if (row.tells) expect(decision).toMatchObject(row.tells);
  if (!row.postings) return;
  expect(decision.postings.map(({ walletId, counter, change }) => [walletId, counter, change])).toEqual(
    row.postings,
  );
}

/** Its numbers are those of its lots, its versions have no gap, and it looks in time for what runs out. */
function expectWhole(before: WalletState, after: WalletState, { postings }: Applied): void {
  const reserved = after.holds.flatMap((hold) => hold.lots);
  const all = [...after.lots, ...reserved];
  expect([after.balance, after.bonus, after.held]).toEqual([coinsIn(all), bonusIn(all), coinsIn(reserved)]);
  for (const { id, amount, captured, lots } of after.holds) expect(coinsIn(lots), id).toBe(amount - captured);
  const own = postings.filter(({ walletId }) => walletId === after.id);
  expect(own.map(({ version }) => version)).toEqual(own.map((_, at) => before.version + at + 1));
  expect(after.version).toBe(before.version + own.length);
  const isTouched = own.length > 0 || after.holds.length !== before.holds.length;
  expect(after.revision > before.revision || !isTouched).toBe(true);
  const soonest = soonestOf([...after.lots, ...after.holds]);
  expect(soonest === null || (after.nextExpiry !== null && after.nextExpiry <= soonest)).toBe(true);
}
