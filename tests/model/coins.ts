// Wallets of single coins: what they are, how they come and go, and what time does to them. Nothing of the product's code.

/** `order` breaks ties of age within one operation. */
export interface Coin {
  madeBy: string;
  order: number;
  bonus: boolean;
  expiresAt: number;
  priority: number;
}

export interface ModelHold {
  id: string;
  amount: number;
  captured: number;
  expiresAt: number;
  coins: Coin[];
}

export interface ModelWallet {
  id: string;
  free: Coin[];
  holds: ModelHold[];
  debt: number;
  frozen: boolean;
}

/** What was sent, as the journal has it. */
export interface Sent {
  id: string;
  kind: string;
  walletId: string;
  userId: string;
  amount: number | null;
  bucket: string | null;
  originalId: string | null;
  shortfall: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: the model reads what the journal has, without the product's types.
  terms: any;
  at: number;
  groupId: string | null;
}

export interface Past {
  kind: string;
  walletId: string;
  userId: string;
  amount: number;
  undone: number;
  burned: Coin[];
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  item: any;
  used: number;
}

export interface Model {
  wallets: Map<string, ModelWallet>;
  /** What was applied, by id. */
  past: Map<string, Past>;
  sold: Map<string, number>;
}

export const emptyModel = (): Model => ({ wallets: new Map(), past: new Map(), sold: new Map() });

export function walletIn(model: Model, id: string): ModelWallet {
  const known = model.wallets.get(id) ?? { id, free: [], holds: [], debt: 0, frozen: false };
  model.wallets.set(id, known);
  return known;
}

const heldIn = (wallet: ModelWallet) => wallet.holds.flatMap((hold) => hold.coins);
export const balanceOf = (wallet: ModelWallet) => wallet.free.length + heldIn(wallet).length;

/** Whether `a` goes first: priority, expiry, bonus first, age. */
export function burnsFirst(a: Coin, b: Coin): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  if (a.expiresAt !== b.expiresAt) return a.expiresAt - b.expiresAt;
  if (a.bonus !== b.bonus) return a.bonus ? -1 : 1;
  if (a.madeBy !== b.madeBy) return a.madeBy < b.madeBy ? -1 : 1;
  return a.order - b.order;
}

export const sorted = (coins: Coin[]) => coins.toSorted(burnsFirst);

export function remove(wallet: ModelWallet, coins: Coin[]): void {
  const gone = new Set(coins);
  wallet.free = wallet.free.filter((coin) => !gone.has(coin));
}

/** Coins that come and are good pay what is owed first, those that would burn first. */
export function come(wallet: ModelWallet, coins: Coin[], at: number): void {
  const paying = sorted(coins.filter((coin) => coin.expiresAt > at)).slice(0, wallet.debt);
  wallet.debt -= paying.length;
  const gone = new Set(paying);
  wallet.free.push(...coins.filter((coin) => !gone.has(coin)));
  if (wallet.debt === 0) wallet.frozen = false;
}

/** What has run out by then is gone, and holds have let go of their coins, each at its end. */
export function passTime(wallet: ModelWallet, at: number): void {
  const ended = wallet.holds.filter((each) => each.expiresAt <= at);
  ended.sort((a, b) => a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1));
  for (const hold of ended) letGo(wallet, hold, hold.expiresAt);
  wallet.free = wallet.free.filter((coin) => coin.expiresAt > at);
}

export function letGo(wallet: ModelWallet, hold: ModelHold, at: number): void {
  wallet.holds = wallet.holds.filter((each) => each !== hold);
  come(wallet, hold.coins, at);
}

export const lotOf = ({ madeBy, order }: Coin) => `${madeBy}/${order}`;

/** Coins of one lot stay together under their new name. */
export function renamed(coins: Coin[], madeBy: string, from: number): Coin[] {
  let order = from;
  return coins.map((coin, at) => {
    const before = coins[at - 1];
    if (before && lotOf(before) !== lotOf(coin)) order = from + at;
    return { ...coin, madeBy, order };
  });
}
