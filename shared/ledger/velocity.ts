// Judges how much of a wallet moves within a time, and how new the wallet is: refused, or held for a person. Pure.
import assert from 'node:assert/strict';
import type { OperationKind } from '../contracts/operation.ts';
import type { PendingOperation, Refusal, WalletState } from './states.ts';

/** What rules can be about, by what settings call it. One more kind is one more line. */
const ruleKinds = {
  purchase: 'buy',
  spend: 'spend',
  refund: 'refund',
  transfer: 'transfer',
  payout: 'payout',
  // Coins that are set aside are counted then; taking them later is not refused any more.
  hold: 'spend',
} as const satisfies Partial<Record<OperationKind, string>>;
export type VelocityKind = (typeof ruleKinds)[keyof typeof ruleKinds];
export const velocityKinds = [...new Set(Object.values(ruleKinds))];

type Action = 'refuse' | 'review';

export interface VelocityRule {
  kind: VelocityKind;
  /** Length of the window. */
  seconds: number;
  /** Coins and operations within the window, at most. */
  amount?: number | undefined;
  count?: number | undefined;
  action: Action;
}

export interface VelocitySettings {
  rules: readonly VelocityRule[];
  newAccount: { seconds: number; kinds: readonly VelocityKind[]; above: number; action: Action } | null;
  balanceMax: number | null;
}

/** `heldFor` is for the operator. */
export type Verdict = { action: 'refuse'; reason: Refusal } | { action: 'review'; heldFor: string };

/** What was moved within a window before. */
export interface Used {
  coins: number;
  count: number;
}

/** A part of a window, numbered since 1970, with what was applied in it. */
export type Slice = [index: number, coins: number, count: number];

/** Slices in order of time, by the kind and the seconds of their rules: `spend:3600`. */
export type Counters = Record<string, Slice[]>;

/** What a wallet is beside its coins; times in milliseconds since 1970. */
export interface WalletPast {
  openedAt: number;
  counters: Counters;
  /** Something was counted since it was read. */
  changed: boolean;
}

export interface Asked {
  /** When the user asked, whenever it is settled: what waited through an outage is no burst. */
  at: number;
  /** An operator looked at it and let it go on. */
  released: boolean;
}

/** The rules of a tenant with what they ask of this batch; only what is watched need be there. */
export interface Guard {
  settings: VelocitySettings;
  /** By wallet. */
  pasts: ReadonlyMap<string, WalletPast>;
  /** By operation. */
  asked: ReadonlyMap<string, Asked>;
}

export function hasRules({ rules, newAccount, balanceMax }: VelocitySettings): boolean {
  return rules.length > 0 || newAccount !== null || balanceMax !== null;
}

/** Whether a rule looks at operations of this kind; the cap on balances is asked for apart. */
export function isWatched({ rules, newAccount }: VelocitySettings, kind: OperationKind): boolean {
  const name = nameOf(kind);
  if (name === undefined) return false;
  return rules.some((rule) => rule.kind === name) || (newAccount?.kinds.includes(name) ?? false);
}

const nameOf = (kind: OperationKind): VelocityKind | undefined =>
  (ruleKinds as Partial<Record<OperationKind, VelocityKind>>)[kind];

/** Whether coins that come would leave more than a wallet may hold; what it owes is repaid first. */
export function isOverCap(
  { balanceMax }: VelocitySettings,
  { balance, debt }: Pick<WalletState, 'balance' | 'debt'>,
  coins: number,
): boolean {
  return balanceMax !== null && balance + coins - Math.min(debt, coins) > balanceMax;
}

/**
 * Judges an operation that nothing else refuses. A purchase was judged before its payer paid and is always
 * granted; coins that come back are never refused for the cap.
 */
export function judge(
  { settings, pasts, asked }: Guard,
  wallet: WalletState,
  { id, kind }: PendingOperation,
  coins: number,
): Verdict | undefined {
  if (kind === 'grant' && isOverCap(settings, wallet, coins))
    return { action: 'refuse', reason: 'balance_limit' };
  if (kind === 'purchase' || !isWatched(settings, kind)) return undefined;
  const past = pasts.get(wallet.id);
  const ask = asked.get(id);
  assert(past && ask, 'what is watched was read');
  if (ask.released) return undefined;
  return judgeMove(settings, kind, {
    coins,
    ageMs: ask.at - past.openedAt,
    usedOf: (rule) => usedIn(past.counters[keyOf(rule)] ?? [], rule.seconds, ask.at),
  });
}

export interface MoveFacts {
  coins: number;
  /** How old the wallet was when the user asked. */
  ageMs: number;
  /** What counts against a rule already. */
  usedOf(rule: VelocityRule): Used;
}

/** A refusal comes before a review, and the account's age before the rules: the order of `refusals`. */
export function judgeMove(
  { rules, newAccount }: VelocitySettings,
  operationKind: OperationKind,
  { coins, ageMs, usedOf }: MoveFacts,
): Verdict | undefined {
  const kind = nameOf(operationKind);
  if (kind === undefined) return undefined;
  let review: Verdict | undefined;
  const isNew = newAccount?.kinds.includes(kind) && ageMs < newAccount.seconds * 1000;
  if (newAccount && isNew && coins > newAccount.above) {
    if (newAccount.action === 'refuse') return { action: 'refuse', reason: 'account_too_new' };
    const age = spell(rounded(Math.max(0, Math.floor(ageMs / 1000))));
    review = { action: 'review', heldFor: `${kind} of ${coins} coins by an account that is ${age} old` };
  }
  for (const rule of rules) {
    if (rule.kind !== kind) continue;
    const used = usedOf(rule);
    const excess = excessOf(rule, { coins: used.coins + coins, count: used.count + 1 });
    if (excess === undefined) continue;
    if (rule.action === 'refuse') return { action: 'refuse', reason: 'velocity_exceeded' };
    review ??= { action: 'review', heldFor: excess };
  }
  return review;
}

function excessOf({ kind, seconds, amount, count }: VelocityRule, total: Used): string | undefined {
  const within = `by ${kind} within ${spell(seconds)}`;
  if (count !== undefined && total.count > count)
    return `${total.count} operations ${within}, ${count} allowed`;
  if (amount !== undefined && total.coins > amount)
    return `${total.coins} coins ${within}, ${amount} allowed`;
  return undefined;
}

/** Counts an operation that was applied, also one that was released: later ones are judged with it. */
export function record(
  { settings, pasts, asked }: Guard,
  { id, kind, walletId }: PendingOperation,
  coins: number,
): void {
  const rules = settings.rules.filter((rule) => kind !== 'purchase' && rule.kind === nameOf(kind));
  const past = pasts.get(walletId);
  const ask = asked.get(id);
  if (rules.length === 0 || !past || !ask) return;
  for (const [key, slices] of Object.entries(past.counters)) {
    past.counters[key] = stillCounting(slices, Number(key.split(':')[1]), ask.at);
  }
  for (const key of new Set(rules.map(keyOf))) {
    const seconds = Number(key.split(':')[1]);
    past.counters[key] = withCounted(past.counters[key] ?? [], indexOf(ask.at, seconds), coins);
  }
  past.counters = Object.fromEntries(Object.entries(past.counters).filter(([, slices]) => slices.length > 0));
  past.changed = true;
}

/**
 * A window is counted in so many slices. One that overlaps the window's older edge counts whole: a rule is
 * never too lenient, and its window at most one slice, a sixtieth, too long.
 */
const slicesPerWindow = 60;

/**
 * Operations of one wallet may come out of order by this much, in milliseconds, and are judged as exactly:
 * slices are kept for so long past their window. What comes later than others counts those others too.
 */
const disorderMsMax = 60_000;

/** In milliseconds. */
export const sliceMsOf = (seconds: number) => Math.ceil((seconds * 1000) / slicesPerWindow);
const indexOf = (at: number, seconds: number) => Math.floor(at / sliceMsOf(seconds));
const keyOf = ({ kind, seconds }: VelocityRule) => `${kind}:${seconds}`;

function usedIn(slices: readonly Slice[], seconds: number, at: number): Used {
  const first = indexOf(at - seconds * 1000, seconds);
  const used = { coins: 0, count: 0 };
  for (const [index, coins, count] of slices) {
    if (index < first) continue;
    used.coins += coins;
    used.count += count;
  }
  return used;
}

function stillCounting(slices: readonly Slice[], seconds: number, at: number): Slice[] {
  const first = indexOf(at - seconds * 1000 - disorderMsMax, seconds);
  return slices.filter(([index]) => index >= first);
}

function withCounted(slices: readonly Slice[], index: number, coins: number): Slice[] {
  const [, before, count] = slices.find((slice) => slice[0] === index) ?? [index, 0, 0];
  const others = slices.filter((slice) => slice[0] !== index);
  return [...others, [index, before + coins, count + 1] satisfies Slice].sort((a, b) => a[0] - b[0]);
}

const units: [name: string, seconds: number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** Down to whole units of the largest that fits. */
const rounded = (seconds: number) =>
  seconds - (seconds % (units.find(([, each]) => seconds >= each)?.[1] ?? 1));

/** A length of time in its largest unit that leaves no rest. */
function spell(seconds: number): string {
  const [name, length] = units.find(([, each]) => seconds >= each && seconds % each === 0) ?? ['second', 1];
  const count = seconds / length;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
