// The tenant's chain of sealed blocks, and the queue of what waits to be sealed.
import { type BlockHeader, genesisHash } from '../runtime/hash-chain.ts';
import { arrayLiteral } from './array-literal.ts';
import type { VersionRange } from './chain-leaves.ts';
import type { Queryable } from './pool.ts';

/** The end of a chain: what an export names, and what the next block follows. */
export interface ChainHead {
  n: number;
  hash: Buffer;
  /** Entries in all blocks. */
  total: number;
  /** Null: nothing was sealed yet. */
  sealedAt: Date | null;
}

export interface Block extends BlockHeader {
  hash: Buffer;
}

export interface WholeBlock extends Block {
  leaves: Buffer;
  ranges: VersionRange[];
}

interface StoredRanges {
  wallet_ids: string[];
  /** Arrays of bigint come as texts. */
  first_versions: string[];
  last_versions: string[];
}

function toRanges({ wallet_ids, first_versions, last_versions }: StoredRanges): VersionRange[] {
  return wallet_ids.map((walletId, at) => ({
    walletId,
    first: Number(first_versions[at]),
    last: Number(last_versions[at]),
  }));
}

const sealKey = 0x7365616c;

/** Held until the transaction ends. False: another process seals this tenant now. */
export async function tryLockChain(tx: Queryable): Promise<boolean> {
  const result = await tx.query<{ locked: boolean }>(
    `select pg_try_advisory_xact_lock($1, hashtext(current_setting('coinlane.tenant'))) as locked`,
    [sealKey],
  );
  return result.rows[0]?.locked === true;
}

/**
 * Takes what was queued first, until it is `entriesMax` entries, out of the queue. Rows of transactions that are
 * still open are not seen, and come later: a wallet's own are in order all the same, since its lock was held.
 */
export async function takeQueued(tx: Queryable, entriesMax: number): Promise<VersionRange[]> {
  const result = await tx.query<StoredRanges & { id: number }>({
    name: 'take_queued',
    text: `delete from seal_queue where id = any(array(select id from (
         select id, entries, sum(entries) over (order by id) as running
         from (select id, entries from seal_queue order by id limit 1000) as front) as summed
       where running - entries < $1))
     returning id, wallet_ids, first_versions, last_versions`,
    values: [entriesMax],
  });
  return result.rows.sort((a, b) => a.id - b.id).flatMap(toRanges);
}

/** The newest block, or the beginning of the tenant's chain. */
export async function findHead(tx: Queryable, tenant: string): Promise<ChainHead> {
  const result = await tx.query<ChainHead>({
    name: 'find_head',
    text: `select n, hash, total, sealed_at as "sealedAt" from chain order by n desc limit 1`,
  });
  return result.rows[0] ?? { n: 0, hash: genesisHash(tenant), total: 0, sealedAt: null };
}

/** Whole milliseconds: what is hashed must come back from the table as it was. */
export async function findSealingTime(tx: Queryable): Promise<Date> {
  const result = await tx.query<{ now: Date }>(
    `select date_trunc('milliseconds', statement_timestamp()) as now`,
  );
  return result.rows[0]?.now as Date;
}

/** @throws 23505 when another block has this place. */
export async function insertBlock(tx: Queryable, block: WholeBlock): Promise<void> {
  const { n, previous, hash, root, leaves, ranges, entries, total, sealedAt } = block;
  await tx.query({
    name: 'insert_block',
    text: `insert into chain (n, previous, hash, root, leaves, wallet_ids, first_versions, last_versions, entries, total,
       sealed_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [
      ...[n, previous, hash, root, leaves],
      arrayLiteral(ranges.map((range) => range.walletId)),
      arrayLiteral(ranges.map((range) => range.first)),
      arrayLiteral(ranges.map((range) => range.last)),
      ...[entries, total, sealedAt],
    ],
  });
}

/** Entries that wait to be sealed. */
export async function countUnsealed(tx: Queryable): Promise<number> {
  const result = await tx.query<{ entries: number }>(
    `select coalesce(sum(entries), 0)::bigint as entries from seal_queue`,
  );
  return result.rows[0]?.entries ?? 0;
}

const header = `n, previous, hash, root, entries, total, sealed_at as "sealedAt"`;

/** The blocks after number `after`, in order. */
export async function listBlocks(tx: Queryable, after: number, limit: number): Promise<Block[]> {
  const result = await tx.query<Block>(`select ${header} from chain where n > $1 order by n limit $2`, [
    after,
    limit,
  ]);
  return result.rows;
}

/** The same with what they cover. */
export async function listWholeBlocks(tx: Queryable, after: number, limit: number): Promise<WholeBlock[]> {
  const result = await tx.query<Block & StoredRanges & { leaves: Buffer }>(
    `select ${header}, leaves, wallet_ids, first_versions, last_versions from chain where n > $1 order by n limit $2`,
    [after, limit],
  );
  return result.rows.map(({ wallet_ids, first_versions, last_versions, ...block }) => ({
    ...block,
    ranges: toRanges({ wallet_ids, first_versions, last_versions }),
  }));
}

/** The hash of a block; undefined where there is none of this number. */
export async function findBlockHash(tx: Queryable, n: number): Promise<Buffer | undefined> {
  const result = await tx.query<{ hash: Buffer }>(`select hash from chain where n = $1`, [n]);
  return result.rows[0]?.hash;
}
