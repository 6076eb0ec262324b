// The ledger as a child would keep it: every coin is an object, every rule a line. It knows nothing of the product's code.
import {
  burnsFirst,
  type Coin,
  come,
  letGo,
  lotOf,
  type Model,
  type ModelWallet,
  remove,
  renamed,
  type Sent,
  sorted,
  walletIn,
} from './coins.ts';

const minted = (sent: Sent, count: number, bonus: boolean): Coin[] =>
  Array.from({ length: count }, () => ({
    madeBy: sent.id,
    order: 0,
    bonus,
    expiresAt: sent.terms?.expiresAt ?? Infinity,
    priority: sent.terms?.priority ?? 50,
  }));

type Verdict = string | { amount: number | null };

/** Does it, or says why not and changes nothing. */
export function step(model: Model, sent: Sent): Verdict {
  const wallet = walletIn(model, sent.walletId);
  const amount = sent.amount ?? 0;
  switch (sent.kind) {
    case 'grant':
      come(wallet, minted(sent, amount, sent.bucket !== 'paid'), sent.at);
      return done(model, sent, amount);
    case 'purchase':
      come(wallet, minted(sent, amount, false), sent.at);
      return done(model, sent, amount);
    case 'spend':
      return spend(model, wallet, sent, amount);
    case 'refund':
      return refund(model, wallet, sent);
    case 'clawback':
      return clawback(model, wallet, sent, amount);
    case 'hold': {
      if (wallet.frozen) return 'wallet_frozen';
      if (amount > wallet.free.length) return 'insufficient_funds';
      const coins = sorted(wallet.free).slice(0, amount);
      remove(wallet, coins);
      wallet.holds.push({ id: sent.id, amount, captured: 0, expiresAt: sent.terms.expiresAt, coins });
      return done(model, sent, amount);
    }
    case 'capture':
      return capture(model, wallet, sent);
    case 'release': {
      const hold = wallet.holds.find((each) => each.id === sent.originalId);
      if (!hold) return 'hold_not_active';
      letGo(wallet, hold, sent.at);
      return done(model, sent, hold.amount - hold.captured);
    }
    case 'transfer':
      return transfer(model, wallet, sent, amount);
    case 'exchange':
      return exchange(model, wallet, sent, amount);
    case 'consume':
      return consume(model, sent);
    default:
      throw new Error(`the model does not know ${sent.kind}`);
  }
}

function done(model: Model, sent: Sent, amount: number, burned: Coin[] = []): Verdict {
  const { kind, walletId, userId, terms } = sent;
  const item = terms?.item;
  model.past.set(sent.id, { kind, walletId, userId, amount, undone: 0, burned, item, used: 0 });
  return { amount };
}

function spend(model: Model, wallet: ModelWallet, sent: Sent, amount: number): Verdict {
  if (wallet.frozen) return 'wallet_frozen';
  const item = sent.terms?.item;
  if (item) {
    if (sent.at < (item.from ?? 0) || sent.at >= (item.until ?? Infinity)) return 'item_unavailable';
    if (item.expectedPrice !== undefined && item.expectedPrice !== item.price) return 'price_changed';
    const sold = model.sold.get(item.id) ?? 0;
    if (sold + item.quantity > (item.stock ?? Infinity)) return 'stock_gone';
    if (owned(model, sent.userId, item.id) + item.quantity > (item.perUser ?? Infinity)) return 'item_limit';
  }
  if (amount > wallet.free.length) return 'insufficient_funds';
  const burned = sorted(wallet.free).slice(0, amount);
  remove(wallet, burned);
  if (item?.stock !== undefined) model.sold.set(item.id, (model.sold.get(item.id) ?? 0) + item.quantity);
  return done(model, sent, amount, burned);
}

function owned(model: Model, userId: string, item: string): number {
  const bought = [...model.past.values()].filter((each) => each.item?.id === item && each.userId === userId);
  return bought.reduce(
    (sum, each) => sum + each.item.quantity - Math.floor(each.undone / each.item.price),
    0,
  );
}

function refund(model: Model, wallet: ModelWallet, sent: Sent): Verdict {
  const first = model.past.get(sent.originalId ?? '');
  if (!first || first.walletId !== wallet.id || !['spend', 'capture'].includes(first.kind))
    return 'not_refundable';
  const left = first.amount - first.undone;
  const amount = sent.amount ?? left;
  if (amount < 1 || amount > left) return 'refund_exceeds_original';
  const { item } = first;
  if (item && first.undone + amount > (item.quantity - first.used) * item.price) return 'item_used';
  const unitsBefore = item ? Math.floor(first.undone / item.price) : 0;
  // What burned last comes back first.
  come(wallet, first.burned.toReversed().slice(first.undone, first.undone + amount), sent.at);
  first.undone += amount;
  if (item?.stock !== undefined) {
    const units = Math.floor(first.undone / item.price) - unitsBefore;
    model.sold.set(item.id, (model.sold.get(item.id) ?? 0) - units);
  }
  return done(model, sent, amount);
}

function clawback(model: Model, wallet: ModelWallet, sent: Sent, amount: number): Verdict {
  const first = model.past.get(sent.originalId ?? '');
  if (first?.kind !== 'purchase') return 'not_refundable';
  const rank = (coin: Coin) => (coin.madeBy === sent.originalId ? 0 : coin.bonus ? 2 : 1);
  const order = wallet.free.toSorted((a, b) => rank(a) - rank(b) || burnsFirst(a, b));
  const taken = order.slice(0, amount);
  remove(wallet, taken);
  const missing = amount - taken.length;
  if (sent.shortfall !== 'clamp') wallet.debt += missing;
  if (sent.shortfall === 'freeze' && missing > 0) wallet.frozen = true;
  return done(model, sent, amount);
}

function capture(model: Model, wallet: ModelWallet, sent: Sent): Verdict {
  if (wallet.frozen) return 'wallet_frozen';
  const hold = wallet.holds.find((each) => each.id === sent.originalId);
  if (!hold) return 'hold_not_active';
  const amount = sent.amount ?? hold.coins.length;
  if (amount > hold.coins.length) return 'capture_exceeds_hold';
  const burned = hold.coins.slice(0, amount);
  hold.coins = hold.coins.slice(amount);
  hold.captured += amount;
  if (hold.coins.length === 0) wallet.holds = wallet.holds.filter((each) => each !== hold);
  return done(model, sent, amount, burned);
}

function transfer(model: Model, wallet: ModelWallet, sent: Sent, amount: number): Verdict {
  const legs: { walletId: string; coins: number }[] = sent.terms.legs;
  if (wallet.frozen) return 'wallet_frozen';
  if (legs.some((leg) => !model.wallets.has(leg.walletId))) return 'recipient_not_found';
  if (legs.some((leg) => leg.walletId === wallet.id)) return 'recipient_is_sender';
  if (amount > wallet.free.length) return 'insufficient_funds';
  const movable = sorted(wallet.free).filter((coin) => sent.terms.bonus || !coin.bonus);
  if (amount > movable.length) return 'bonus_not_transferable';
  const moved = movable.slice(0, amount);
  remove(wallet, moved);
  let from = 0;
  for (const leg of legs) {
    come(walletIn(model, leg.walletId), renamed(moved.slice(from, from + leg.coins), sent.id, from), sent.at);
    from += leg.coins;
  }
  return done(model, sent, amount);
}

function exchange(model: Model, wallet: ModelWallet, sent: Sent, amount: number): Verdict {
  const { walletId, give, get, minimum } = sent.terms.exchange;
  if (wallet.frozen) return 'wallet_frozen';
  const worth = (coins: number) => Math.floor((coins * get) / give);
  if (minimum !== undefined && worth(amount) < minimum) return 'price_changed';
  if (amount > wallet.free.length) return 'insufficient_funds';
  if (worth(amount) < 1) return 'amount_too_small';
  const given = sorted(wallet.free).slice(0, amount);
  remove(wallet, given);
  // Each coin is made of the coins whose parts are in it, and as poor as the poorest of them.
  const got = Array.from({ length: worth(amount) }, (_, at): Coin => {
    const parts = given.slice(Math.floor((at * give) / get), Math.ceil(((at + 1) * give) / get));
    const lots = new Set(parts.map(lotOf));
    return {
      ...(parts[0] as Coin),
      // Of several lots: a lot of its own.
      ...(lots.size > 1 ? { madeBy: [...lots].join('+'), order: at } : {}),
      bonus: parts.some((coin) => coin.bonus),
      expiresAt: Math.min(...parts.map((coin) => coin.expiresAt)),
    };
  });
  come(walletIn(model, walletId), renamed(got, sent.id, 0), sent.at);
  return done(model, sent, amount);
}

function consume(model: Model, sent: Sent): Verdict {
  const first = model.past.get(sent.originalId ?? '');
  if (!first?.item || first.kind !== 'spend' || first.walletId !== sent.walletId) return 'not_consumable';
  if (first.item.kind !== 'consumable') return 'not_consumable';
  const left = first.item.quantity - first.used - Math.floor(first.undone / first.item.price);
  if (sent.terms.units > left) return 'entitlement_exhausted';
  first.used += sent.terms.units;
  done(model, sent, 0);
  return { amount: null };
}
