// Reads what a batch is decided on beside its wallets: earlier operations, stock, what users own, the tenant's rules.
import {
  type DueOperation,
  listMembers,
  listOriginals,
  lockItemSales,
  lockOwned,
} from '#shared/db/ledger.ts';
import { listEarned } from '#shared/db/payouts.ts';
import type { Tx } from '#shared/db/pool.ts';
import type { Ground } from '#shared/ledger/groups.ts';
import { ownedKey } from '#shared/ledger/items.ts';
import { lotsWithin } from '#shared/ledger/payouts.ts';
import type { OriginalState, WalletState } from '#shared/ledger/states.ts';
import type { ItemTerms } from '#shared/ledger/terms.ts';
import type { VelocitySettings } from '#shared/ledger/velocity.ts';
import { openGuard } from './velocity-guard.ts';

export async function readMembers(tx: Tx, due: DueOperation[]): Promise<DueOperation[]> {
  const groups = new Set(due.flatMap(({ groupId }) => (groupId === null ? [] : [groupId])));
  return groups.size === 0 ? [] : listMembers(tx, [...groups]);
}

/** On wallets that are locked; locks what users have of items and the stock of limited ones after them. */
export async function readGround(
  tx: Tx,
  wallets: WalletState[],
  operations: DueOperation[],
  rules: VelocitySettings | undefined,
): Promise<Ground> {
  const originals = await readOriginals(tx, operations);
  const paysOut = operations.some(({ kind }) => kind === 'payout');
  return {
    wallets: new Map(wallets.map((wallet) => [wallet.id, wallet])),
    originals,
    ...(await readItems(tx, operations, originals)),
    ...(paysOut ? { earned: await listEarned(tx, lotsWithin(wallets, originals.values())) } : {}),
    guard: rules && (await openGuard(tx, rules, operations)),
  };
}

async function readOriginals(tx: Tx, operations: DueOperation[]): Promise<Map<string, OriginalState>> {
  const ids = operations.flatMap(({ originalId }) => (originalId === null ? [] : [originalId]));
  if (ids.length === 0) return new Map();
  return new Map((await listOriginals(tx, ids)).map((original) => [original.id, original]));
}

async function readItems(
  tx: Tx,
  operations: DueOperation[],
  originals: ReadonlyMap<string, OriginalState>,
): Promise<Pick<Ground, 'sales' | 'owned'>> {
  const bought: { userId: string; item: ItemTerms }[] = operations.flatMap(
    ({ userId, terms, originalId }) => {
      const original = originals.get(originalId ?? '');
      const item = terms?.item ?? original?.item;
      return item ? [{ userId: terms?.item ? userId : (original?.userId ?? userId), item }] : [];
    },
  );
  const limited = new Set(bought.flatMap(({ item }) => (item.stock === undefined ? [] : [item.id])));
  const counted = bought.filter(({ item }) => item.perUser !== undefined);
  const pairs = new Map(
    counted.map(({ userId, item }) => [ownedKey(userId, item.id), { userId, item: item.id }]),
  );
  const owned = pairs.size === 0 ? [] : await lockOwned(tx, [...pairs.values()]);
  return {
    sales: limited.size === 0 ? new Map() : await lockItemSales(tx, [...limited]),
    owned: new Map(owned.map(({ userId, item, units }) => [ownedKey(userId, item), units])),
  };
}
