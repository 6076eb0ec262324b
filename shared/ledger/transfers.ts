// Moves coins to other wallets: to other users, with a fee, or to the same user's wallet of another coin. Pure.
import assert from 'node:assert/strict';
import { amountOf } from './apply.ts';
import { lotIdOf } from './derived-ids.ts';
import { coinsIn, firstOf, type Lot, without } from './lots.ts';
import type {
  NewLot,
  PendingOperation,
  Plan,
  PlannedMove,
  Refusal,
  Surroundings,
  WalletState,
} from './states.ts';
import { shareOf } from './terms.ts';

/** A wallet that will never be used again takes no coins. */
const closedReasons = new Set<string | null>(['ban', 'erased']);

/**
 * All legs or none. Coins keep what they are: each lot that moves becomes one of the receiver with the same
 * colour, expiry and priority. The legs take the lots in burning order, the fee the last of them.
 */
export function transfer(
  wallet: WalletState,
  operation: PendingOperation,
  { wallets }: Surroundings,
): Plan | Refusal {
  const amount = amountOf(operation);
  const { legs = [], bonus = false } = operation.terms ?? {};
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  const receivers = legs.map((leg) => ({ ...leg, wallet: wallets.get(leg.walletId) }));
  if (receivers.some((leg) => leg.wallet === undefined)) return 'recipient_not_found';
  if (receivers.some((leg) => leg.wallet === wallet)) return 'recipient_is_sender';
  if (receivers.some((leg) => closedReasons.has(leg.wallet?.frozenReason ?? null))) return 'recipient_closed';
  if (amount > wallet.balance - wallet.held) return 'insufficient_funds';
  const movable = bonus ? wallet.lots : wallet.lots.filter((lot) => !lot.bonus);
  if (amount > coinsIn(movable)) return 'bonus_not_transferable';
  const whole = firstOf(movable, amount);
  const sent = legs.reduce((sum, leg) => sum + leg.coins, 0);
  assert(sent <= amount, 'legs are a part of the amount');
  const newLots: NewLot[] = [];
  const moves: PlannedMove[] = [
    debit(wallet, 'transfers', firstOf(whole, sent)),
    debit(wallet, 'fees', without(whole, firstOf(whole, sent))),
  ];
  let rest: readonly Lot[] = whole;
  for (const leg of receivers) {
    assert(leg.wallet);
    const parts = firstOf(rest, leg.coins);
    rest = without(rest, parts);
    const lots = parts.map((lot) => become(operation, newLots, leg.walletId, lot, lot.coins));
    moves.push(creditOf(leg.wallet, 'transfers', lots));
  }
  return {
    ...debit(wallet, 'transfers', whole),
    amount,
    moves: moves.filter((move) => move.amount > 0),
    newLots,
  };
}

/** Coins become those of another currency, lot by lot; together they are the whole at the rate, rounded down. */
export function exchange(
  wallet: WalletState,
  operation: PendingOperation,
  { wallets }: Surroundings,
): Plan | Refusal {
  const amount = amountOf(operation);
  const terms = operation.terms?.exchange;
  assert(terms, 'an exchange has its rate');
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  const target = wallets.get(terms.walletId);
  if (!target) return 'recipient_not_found';
  if (target === wallet) return 'recipient_is_sender';
  const got = shareOf(amount, terms.get, terms.give);
  if (terms.minimum !== undefined && got < terms.minimum) return 'price_changed';
  if (amount > wallet.balance - wallet.held) return 'insufficient_funds';
  if (got < 1) return 'amount_too_small';
  if (!Number.isSafeInteger(got)) return 'balance_limit';
  const given = firstOf(wallet.lots, amount);
  const newLots: NewLot[] = [];
  const lots = atRate(given, terms).map((lot) => become(operation, newLots, target.id, lot, lot.coins));
  const moves = [debit(wallet, 'exchange', given), creditOf(target, 'exchange', lots)];
  return { ...debit(wallet, 'exchange', given), amount, moves, newLots };
}

/**
 * What lots are worth in other coins. One coin made of several lots is as poor as the poorest of them: a paid coin
 * that completes it must not make good what was given, or runs out.
 */
function atRate(given: readonly Lot[], { get, give }: { get: number; give: number }): Lot[] {
  const worth: Lot[] = [];
  let coins = 0;
  let done = 0;
  /** Of what the coin is made that is begun and not complete. */
  let begun: Lot | undefined;
  for (const lot of given) {
    coins += lot.coins;
    const total = shareOf(coins, get, give);
    if (total > done) {
      const own = total - done - (begun ? 1 : 0);
      if (begun) worth.push({ ...poorerOf(begun, lot), coins: 1 });
      if (own > 0) worth.push({ ...lot, coins: own });
      begun = undefined;
      done = total;
    }
    const isExact = (BigInt(coins) * BigInt(get)) % BigInt(give) === 0n;
    if (!isExact) begun = begun ? poorerOf(begun, lot) : lot;
  }
  return worth;
}

function poorerOf(first: Lot, second: Lot): Lot {
  const expiresAt = Math.min(first.expiresAt ?? Infinity, second.expiresAt ?? Infinity);
  const poorer = { ...first, bonus: first.bonus || second.bonus };
  return expiresAt === Infinity ? poorer : { ...poorer, expiresAt };
}

function debit(wallet: WalletState, counter: PlannedMove['counter'], lots: Lot[]): PlannedMove {
  return { wallet, direction: -1, amount: coinsIn(lots), counter, lots, owed: 0, writtenOff: 0 };
}

function creditOf(wallet: WalletState, counter: PlannedMove['counter'], lots: Lot[]): PlannedMove {
  return { ...debit(wallet, counter, lots), direction: 1 };
}

/** The lot that coins of `lot` become in another wallet. */
function become(
  { id }: PendingOperation,
  made: NewLot[],
  walletId: string,
  { id: source, ...lot }: Lot,
  coins: number,
): Lot {
  const next: Lot = { ...lot, id: lotIdOf(id, made.length), coins };
  made.push({ walletId, lot: next, source });
  return next;
}
