// Finds the blocks that an operation's entries were sealed in, for whoever wants it proven.
import type { WholeBlock } from './chain.ts';
import { listWholeBlocks } from './chain.ts';
import { listLeafTexts } from './chain-leaves.ts';
import type { Queryable } from './pool.ts';

export interface SealedEntry {
  walletId: string;
  version: number;
  /** What was hashed. */
  text: string;
  /** Undefined: it waits to be sealed. */
  sealed: { block: WholeBlock; index: number } | undefined;
}

/** The versions of the operation's own wallet that it wrote; they are next to each other. */
export async function listVersionsOf(
  tx: Queryable,
  operation: { id: string; walletId: string; walletVersion: number },
): Promise<number[]> {
  const result = await tx.query<{ version: number }>(
    `select version from entries where account = 'wallet' and wallet_id = $2 and operation_id = $1
       and version between $3::bigint - 20 and $3 order by version`,
    [operation.id, operation.walletId, operation.walletVersion],
  );
  return result.rows.map((row) => row.version);
}

async function isQueued(tx: Queryable, walletId: string, version: number): Promise<boolean> {
  const result = await tx.query(
    `select from seal_queue cross join lateral unnest(wallet_ids, first_versions, last_versions)
       as r (wallet_id, first, last) where r.wallet_id = $1 and $2::bigint between r.first and r.last limit 1`,
    [walletId, version],
  );
  return result.rows.length > 0;
}

/** The number of the block that covers a version, of those sealed since a moment; of all where none is given. */
async function findBlockOf(
  tx: Queryable,
  walletId: string,
  version: number,
  since: Date | null,
): Promise<number | undefined> {
  const result = await tx.query<{ n: number }>(
    `select n from chain
     where n >= coalesce((select n from chain where sealed_at >= $3 order by sealed_at limit 1),
         case when $3::timestamptz is null then 0 else 9223372036854775807 end)
       and wallet_ids @> array[$1::uuid] and exists (
         select from unnest(wallet_ids, first_versions, last_versions) as r (wallet_id, first, last)
         where r.wallet_id = $1 and $2::bigint between r.first and r.last)
     order by n limit 1`,
    [walletId, version, since],
  );
  return result.rows[0]?.n;
}

/**
 * An entry with the block that it is in, and its place there. The block is one of the first behind the moment when
 * it was settled; only where the tenant's clock was moved, all are looked through.
 */
export async function findSealedEntry(
  tx: Queryable,
  { walletId, version, settledAt }: { walletId: string; version: number; settledAt: Date },
): Promise<SealedEntry | undefined> {
  const [leaf] = await listLeafTexts(tx, [{ walletId, first: version, last: version }]);
  if (leaf?.text === undefined) return undefined;
  if (await isQueued(tx, walletId, version)) return { walletId, version, text: leaf.text, sealed: undefined };
  const early = await findBlockOf(tx, walletId, version, settledAt);
  const n = early ?? (await findBlockOf(tx, walletId, version, null));
  const [block] = n === undefined ? [] : await listWholeBlocks(tx, n - 1, 1);
  const sealed = block && { block, index: indexIn(block, walletId, version) };
  return { walletId, version, text: leaf.text, sealed };
}

function indexIn({ ranges }: WholeBlock, walletId: string, version: number): number {
  let index = 0;
  for (const range of ranges) {
    if (range.walletId === walletId && version >= range.first && version <= range.last) {
      return index + version - range.first;
    }
    index += range.last - range.first + 1;
  }
  throw new Error('a block covers what it was found by');
}
