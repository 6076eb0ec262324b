// Turns a decided move into postings: one for the move, one more for each part that is owed or written off.
import assert from 'node:assert/strict';
import {
  bonusIn,
  burnsBefore,
  coinsIn,
  firstOf,
  isExpired,
  type Lot,
  type LotLine,
  toLines,
  withLots,
  without,
} from './lots.ts';
import type { PendingOperation, WalletState } from './states.ts';

/** Accounts other than the wallet; these may go below zero, a wallet never. `debt` is each wallet's own. */
export type CounterAccount =
  | 'sales'
  | 'purchases'
  | 'grants'
  | 'debt'
  | 'writeoffs'
  | 'transfers'
  | 'fees'
  | 'exchange'
  | 'expired'
  | 'payouts';

/** One double entry: the wallet's side, signed, and the account that has the other side. */
export interface Posting {
  walletId: string;
  counter: CounterAccount;
  change: number;
  bonusChange: number;
  lots: LotLine[];
  balanceAfter: number;
  version: number;
}

export interface Move {
  /** 1: coins come, -1: coins go. */
  direction: 1 | -1;
  amount: number;
  counter: CounterAccount;
  /** The lots that the wallet's own coins come to or go from: `amount` less what is owed and written off. */
  lots: Lot[];
  /** Of `amount`, what the wallet does not have, or what is repaid of that. */
  owed: number;
  writtenOff: number;
}

/**
 * Moves the wallet. Coins that go and are not there are first advanced by the debt or write-off account;
 * coins that come first repay what is owed, unless they come back over. So a wallet never goes below zero, and its history explains
 * every coin. The advanced coins are a lot of the operation's own, which is gone again after it.
 */
export function post(
  wallet: WalletState,
  { id: operationId, at }: Pick<PendingOperation, 'id' | 'at'>,
  move: Move,
): { postings: Posting[]; bonus: number } {
  const { direction, amount, counter, owed, writtenOff } = move;
  assert.equal(coinsIn(move.lots) + owed + writtenOff, amount, 'a move has its amount');
  const postings: Posting[] = [];
  const add = (account: CounterAccount, sign: 1 | -1, lots: Lot[]) => {
    const change = sign * coinsIn(lots);
    if (change === 0) return;
    wallet.lots = sign === 1 ? withLots(wallet.lots, lots) : without(wallet.lots, lots);
    wallet.balance += change;
    wallet.bonus += sign * bonusIn(lots);
    wallet.version += 1;
    if (account === 'debt') wallet.debt += change;
    assert(wallet.balance >= 0 && wallet.debt >= 0, 'a wallet never goes below zero');
    assert(wallet.bonus >= 0 && wallet.bonus <= wallet.balance, 'bonus is a part of the balance');
    const bonusChange = sign * bonusIn(lots);
    const lines = toLines(lots, sign);
    postings.push({
      walletId: wallet.id,
      counter: account,
      change,
      bonusChange,
      lots: lines,
      balanceAfter: wallet.balance,
      version: wallet.version,
    });
  };
  const advanced = (coins: number): Lot[] => (coins === 0 ? [] : [{ id: operationId, coins, bonus: false }]);
  const whole = [...move.lots, ...advanced(owed + writtenOff)];
  if (direction === -1) {
    add('writeoffs', 1, advanced(writtenOff));
    add('debt', 1, advanced(owed));
    add(counter, -1, whole);
  } else {
    add(counter, 1, whole);
    add('writeoffs', -1, advanced(writtenOff));
    add('debt', -1, advanced(owed));
    const good = move.lots.filter((lot) => !isExpired(lot, at)).sort(burnsBefore);
    add('debt', -1, firstOf(good, Math.min(wallet.debt, coinsIn(good))));
  }
  return { postings, bonus: bonusIn(move.lots) };
}
