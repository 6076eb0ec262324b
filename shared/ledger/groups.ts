// Decides the members of an atomic batch: all are applied, or none is and nothing has moved. Pure.
import assert from 'node:assert/strict';
import { decide, reject } from './decide.ts';
import type { Decision, OriginalState, PendingOperation, Surroundings, WalletState } from './states.ts';
import { partiesOf } from './terms.ts';
import type { Guard } from './velocity.ts';

/** In which members are decided; all that they may change. */
export interface Ground {
  wallets: Map<string, WalletState>;
  originals: Map<string, OriginalState>;
  sales: Map<string, number>;
  owned: Map<string, number>;
  earned?: Map<string, number> | undefined;
  guard?: Guard | undefined;
}

/**
 * In the order of their sequence. The first that is refused keeps its reason, the others are refused with
 * `batch_failed`. What a rule would hold for a person is refused: a batch cannot wait for one of its members.
 */
export function decideGroup(ground: Ground, members: PendingOperation[]): Decision[] {
  const before = structuredClone(snapshotOf(ground, members));
  const decisions: Decision[] = [];
  for (const operation of members) {
    const wallet = walletOf(ground, operation);
    const decision = decide(wallet, operation, ground.originals, ground.guard, ground);
    if (decision.status === 'applied') {
      decisions.push(decision);
      continue;
    }
    restore(ground, before);
    const reason = decision.status === 'held' ? 'velocity_exceeded' : decision.reason;
    return members.map((each) =>
      reject(walletOf(ground, each), each, each === operation ? reason : 'batch_failed'),
    );
  }
  return decisions;
}

export function walletOf(
  { wallets }: Pick<Surroundings, 'wallets'>,
  { walletId }: PendingOperation,
): WalletState {
  const wallet = wallets.get(walletId);
  assert(wallet, 'only operations of locked wallets are decided');
  return wallet;
}

/** Of what the members may change, and of nothing else: a batch holds many groups. */
function snapshotOf({ wallets, originals, sales, owned, guard }: Ground, members: PendingOperation[]) {
  const moved = members.flatMap((each) => [each.walletId, ...partiesOf(each.terms)]);
  return {
    wallets: only(wallets, moved),
    originals: only(
      originals,
      members.map((each) => each.originalId),
    ),
    pasts: only(guard?.pasts ?? new Map(), moved),
    sales,
    owned,
  };
}

function only<V>(map: ReadonlyMap<string, V>, keys: (string | null)[]): Map<string, V> {
  return new Map(
    keys.flatMap((key) => {
      const value = key === null ? undefined : map.get(key);
      return key === null || value === undefined ? [] : [[key, value] as const];
    }),
  );
}

/** The very objects stay: others hold them, too. */
function restore(ground: Ground, before: ReturnType<typeof snapshotOf>): void {
  for (const [id, wallet] of before.wallets) Object.assign(ground.wallets.get(id) ?? {}, wallet);
  for (const [id, original] of before.originals) Object.assign(ground.originals.get(id) ?? {}, original);
  for (const [id, past] of before.pasts) Object.assign(ground.guard?.pasts.get(id) ?? {}, past);
  refill(ground.sales, before.sales);
  refill(ground.owned, before.owned);
}

function refill<K, V>(target: Map<K, V>, source: ReadonlyMap<K, V>): void {
  target.clear();
  for (const [key, value] of source) target.set(key, value);
}
