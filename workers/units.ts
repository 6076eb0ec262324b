// Finds what is decided as one: an operation with all of its wallets, or an atomic batch; and what must wait for a lock.
import type { DueOperation } from '#shared/db/ledger.ts';
import { partiesOf } from '#shared/ledger/terms.ts';

export interface Unit {
  /** One, or all members of an atomic batch, in their order. */
  operations: DueOperation[];
  walletIds: string[];
}

/**
 * Units in the order of their first operation. `due` may name an operation once for each of its wallets;
 * `members` are those of all groups among them, which are whole even where `due` is not.
 */
export function unitsOf(due: DueOperation[], members: DueOperation[]): Unit[] {
  const groups = Map.groupBy(members, (each) => each.groupId);
  const seen = new Set<string>();
  const units: Unit[] = [];
  for (const operation of due) {
    if (seen.has(operation.id)) continue;
    const { groupId, walletId } = operation;
    if (groupId === null && partiesOf(operation.terms).length === 0) {
      seen.add(operation.id);
      units.push({ operations: [operation], walletIds: [walletId] });
      continue;
    }
    const operations = groupId === null ? [operation] : (groups.get(groupId) ?? [operation]);
    for (const each of operations) seen.add(each.id);
    const wallets = operations.flatMap((each) => [each.walletId, ...partiesOf(each.terms)]);
    units.push({ operations, walletIds: [...new Set(wallets)] });
  }
  return units;
}

/**
 * Units whose wallets all are locked. Others hold up what comes after them on any of their wallets, so that
 * every wallet keeps its order. `missing` are the wallets to lock beside for them.
 */
export function readyOf(units: Unit[], locked: ReadonlySet<string>): { ready: Unit[]; missing: string[] } {
  const missing = new Set<string>();
  const blocked = new Set<string>();
  const ready = units.filter(({ walletIds }) => {
    const [only] = walletIds;
    if (blocked.size === 0 && walletIds.length === 1 && only !== undefined && locked.has(only)) return true;
    const unlocked = walletIds.filter((id) => !locked.has(id));
    if (unlocked.length === 0 && !(blocked.size > 0 && walletIds.some((id) => blocked.has(id)))) return true;
    for (const id of unlocked) missing.add(id);
    for (const id of walletIds) blocked.add(id);
    return false;
  });
  return { ready, missing: [...missing] };
}
