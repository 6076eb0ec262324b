// What anybody does with a proof of inclusion, as RFC 9162 writes it down (section 2.1.3.2).
import { createHash } from 'node:crypto';

const node = (left: Buffer, right: Buffer) =>
  createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();

/** The root that a leaf and its path come to; undefined when the path has another length. */
export function rootOf(
  leaf: Buffer,
  index: number,
  size: number,
  path: readonly Buffer[],
): Buffer | undefined {
  let fn = index;
  let sn = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      root = node(sibling, root);
      while (fn % 2 === 0 && fn !== 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else root = node(root, sibling);
    fn >>= 1;
    sn >>= 1;
  }
  return sn === 0 ? root : undefined;
}
