// Derives every hash of a tenant's chain again from the ledger as it is, and checks heads that were exported before.
import {
  type ChainHead,
  findBlockHash,
  findHead,
  listWholeBlocks,
  type WholeBlock,
} from '#shared/db/chain.ts';
import { listLeafTexts } from '#shared/db/chain-leaves.ts';
import type { Queryable } from '#shared/db/pool.ts';
import { blockHash, genesisHash, leafHash, splitLeaves, treeHash } from '#shared/runtime/hash-chain.ts';

/** Blocks read at once: with their entries, a few megabytes. */
const blocksPerPage = 8;

/** @returns the first thing that does not follow, in words; undefined when all hashes do */
export async function findBrokenLink(tx: Queryable, tenant: string): Promise<string | undefined> {
  let before = { n: 0, hash: genesisHash(tenant), total: 0 };
  for (;;) {
    const blocks = await listWholeBlocks(tx, before.n, blocksPerPage);
    for (const block of blocks) {
      const fault = linkFault(before, block) ?? (await entryFault(tx, block));
      if (fault !== undefined) return `block ${before.n + 1}: ${fault}`;
      before = block;
    }
    if (blocks.length < blocksPerPage) return undefined;
  }
}

const short = (value: Buffer) => value.toString('hex');

/** What a block says of itself and of the one before. */
function linkFault(
  before: { n: number; hash: Buffer; total: number },
  block: WholeBlock,
): string | undefined {
  if (block.n !== before.n + 1) return `number expected ${before.n + 1}, found ${block.n}: a block is gone`;
  const leaves = splitLeaves(block.leaves);
  const covered = block.ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const pairs: [string, string | number, string | number][] = [
    ['previous', short(before.hash), short(block.previous)],
    ['entries', covered, block.entries],
    ['leaves', covered, leaves.length],
    ['total', before.total + block.entries, block.total],
    ['root', leaves.length > 0 ? short(treeHash(leaves)) : '', short(block.root)],
    ['hash', short(blockHash(block)), short(block.hash)],
  ];
  const unequal = pairs.find(([, expected, found]) => expected !== found);
  return unequal && `${unequal[0]} expected ${unequal[1]}, found ${unequal[2]}: the block itself was changed`;
}

/** The ledger against what was sealed of it. */
async function entryFault(tx: Queryable, { ranges, leaves }: WholeBlock): Promise<string | undefined> {
  const sealed = splitLeaves(leaves);
  for (const [at, { walletId, version, text }] of (await listLeafTexts(tx, ranges)).entries()) {
    const entry = `wallet ${walletId}, version ${version}`;
    if (text === undefined) return `${entry}: the entry is gone`;
    const found = leafHash(text);
    const expected = sealed[at] as Buffer;
    if (!found.equals(expected)) {
      return `${entry}: hash expected ${short(expected)}, found ${short(found)}: the entry or its operation was changed`;
    }
  }
  return undefined;
}

/** A head as it is exported, one JSON object a line. */
export interface ExportedHead {
  tenant: string;
  n: number;
  hash: string;
}

export function headLine(tenant: string, { n, hash, total, sealedAt }: ChainHead): string {
  const line = { tenant, n, hash: hash.toString('hex'), entries: total, sealedAt };
  return JSON.stringify(line);
}

/** @throws Error naming the line that is no head. */
export function parseHeads(text: string): ExportedHead[] {
  return text.split('\n').flatMap((line, at) => {
    if (line.trim() === '') return [];
    let head: Partial<ExportedHead> | null = null;
    try {
      head = JSON.parse(line) as Partial<ExportedHead> | null;
    } catch {
      // Told apart from a head below.
    }
    const { tenant, n, hash } = head ?? {};
    if (typeof tenant !== 'string' || typeof n !== 'number' || !/^[0-9a-f]{64}$/.test(String(hash))) {
      throw new Error(`line ${at + 1} is no exported head`);
    }
    return [{ tenant, n, hash: String(hash) }];
  });
}

/** @returns what is wrong with the first of a tenant's exported heads that is not in its chain as it was */
export async function findLostHead(
  tx: Queryable,
  tenant: string,
  heads: ExportedHead[],
): Promise<string | undefined> {
  const end = await findHead(tx, tenant);
  let sound = 0;
  for (const { n, hash } of heads.toSorted((a, b) => a.n - b.n)) {
    const found = n === 0 ? genesisHash(tenant) : await findBlockHash(tx, n);
    if (found === undefined)
      return `block ${n}: expected ${hash}, found none: the chain ends with block ${end.n}`;
    if (found.toString('hex') !== hash) {
      const since = `something from block ${sound + 1} to ${n} was written anew`;
      return `block ${n}: hash expected ${hash}, found ${found.toString('hex')}: ${since}`;
    }
    sound = n;
  }
  return undefined;
}
