// The hashes are those that the RFC defines, so that anybody can compute them again with other tools.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rootOf } from '#tests/chain/inclusion.ts';
import {
  blockHash,
  genesisHash,
  inclusionPath,
  joinFields,
  leafHash,
  splitLeaves,
  treeHash,
} from './hash-chain.ts';

const sha256 = (...parts: (string | Buffer)[]) => {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
};

/** RFC 9162, section 2.1.1, word for word. */
function rfcTreeHash(leaves: Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256('\u0001', rfcTreeHash(leaves.slice(0, k)), rfcTreeHash(leaves.slice(k)));
}

const someLeaves = fc.array(fc.string(), { minLength: 1, maxLength: 70 }).map((texts) => texts.map(leafHash));

describe('a tree', () => {
  test('has the hash of RFC 9162, whatever the number of its leaves', () => {
    fc.assert(fc.property(someLeaves, (leaves) => treeHash(leaves).equals(rfcTreeHash(leaves))));
  });

  test('has the known hashes of the certificate transparency test vectors', () => {
    const leaves = ['', '00', '10', '2021', '3031', '40414243'].map((hex) =>
      sha256('\0', Buffer.from(hex, 'hex')),
    );
    const roots = [1, 2, 3].map((count) => treeHash(leaves.slice(0, count)).toString('hex'));
    expect(roots).toEqual([
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    ]);
  });

  test('proves each of its leaves by the path to its root, and no other one', () => {
    fc.assert(
      fc.property(someLeaves, fc.nat(), (leaves, any) => {
        const at = any % leaves.length;
        const path = inclusionPath(leaves, at);
        const root = treeHash(leaves);
        expect(rootOf(leaves[at]!, at, leaves.length, path)).toEqual(root);
        expect(rootOf(leafHash('never a leaf, of any list'), at, leaves.length, path)).not.toEqual(root);
      }),
    );
  });

  test('of no leaf does not exist, and leaves come back as they were stored', () => {
    expect(() => treeHash([])).toThrow('a tree has a leaf');
    fc.assert(
      fc.property(someLeaves, (leaves) => {
        expect(splitLeaves(Buffer.concat(leaves))).toEqual(leaves);
      }),
    );
  });
});

test('no two lists of fields have the same text', () => {
  const fields = fc.array(fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(fields, fields, (a, b) => {
      expect(joinFields(a) === joinFields(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
  );
  expect(joinFields(['ä', 12, ''])).toBe('2:ä,2:12,0:,');
});

test('a block has another hash when anything of it is another', () => {
  const block = {
    n: 2,
    previous: genesisHash('acme'),
    root: leafHash('a'),
    entries: 1,
    total: 3,
    sealedAt: new Date(5),
  };
  const variants = [
    block,
    { ...block, n: 3 },
    { ...block, previous: genesisHash('acne') },
    { ...block, root: leafHash('b') },
    { ...block, entries: 2 },
    { ...block, total: 4 },
    { ...block, sealedAt: new Date(6) },
  ];
  expect(new Set(variants.map((each) => blockHash(each).toString('hex'))).size).toBe(variants.length);
  const text = `16:coinlane-block-1,1:2,64:${block.previous.toString('hex')},64:${block.root.toString('hex')},1:1,1:3,1:5,`;
  expect(blockHash(block)).toEqual(sha256(text));
});
