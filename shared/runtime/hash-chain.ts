// The hashes of the ledger's chain: entries into a Merkle tree, its root and the block before into a block (docs/decisions/0019).
import { hash } from 'node:crypto';

/** A block without what it covers: all that its hash is made of. */
export interface BlockHeader {
  n: number;
  previous: Buffer;
  root: Buffer;
  entries: number;
  /** Entries of all blocks up to this one. */
  total: number;
  sealedAt: Date;
}

const hashBytes = 32;
const sha256 = (data: string | Buffer) => hash('sha256', data, 'buffer');

/** Each field as its length in bytes, a colon and the field, and a comma: no two lists have the same text. */
export function joinFields(fields: (string | number)[]): string {
  return fields.map((field) => `${Buffer.byteLength(String(field))}:${field},`).join('');
}

/** What the first block of a tenant has before it: no tenant's chain can pass for another's. */
export function genesisHash(tenant: string): Buffer {
  return sha256(joinFields(['coinlane-chain-1', tenant]));
}

const leafPrefix = '\0';
const nodePrefix = Buffer.of(1);

/** RFC 9162, section 2.1.1: a leaf cannot pass for an inner node. */
export function leafHash(text: string): Buffer {
  return sha256(leafPrefix + text);
}

const joined = (left: Buffer, right: Buffer | undefined) =>
  right === undefined ? left : sha256(Buffer.concat([nodePrefix, left, right]));

/** From the leaves up: an odd last node goes up as it is, which is the shape that RFC 9162 describes from above. */
function levelsOf(leaves: readonly Buffer[]): (readonly Buffer[])[] {
  const levels = [leaves];
  for (let level = leaves; level.length > 1; ) {
    const above: Buffer[] = [];
    for (let at = 0; at < level.length; at += 2) above.push(joined(level[at] as Buffer, level[at + 1]));
    levels.push(above);
    level = above;
  }
  return levels;
}

/** The Merkle tree hash (RFC 9162, section 2.1.1) over at least one leaf. */
export function treeHash(leaves: readonly Buffer[]): Buffer {
  const root = levelsOf(leaves).at(-1)?.[0];
  if (root === undefined) throw new Error('a tree has a leaf');
  return root;
}

/** The siblings on the way from leaf `at` to the root, from below: its inclusion proof (RFC 9162, section 2.1.3). */
export function inclusionPath(leaves: readonly Buffer[], at: number): Buffer[] {
  return levelsOf(leaves).flatMap((level, height) => level[(at >> height) ^ 1] ?? []);
}

export function blockHash({ n, previous, root, entries, total, sealedAt }: BlockHeader): Buffer {
  const hex = (value: Buffer) => value.toString('hex');
  return sha256(
    joinFields(['coinlane-block-1', n, hex(previous), hex(root), entries, total, sealedAt.getTime()]),
  );
}

export function splitLeaves(leaves: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(leaves.length / hashBytes) }, (_each, at) =>
    leaves.subarray(at * hashBytes, (at + 1) * hashBytes),
  );
}
