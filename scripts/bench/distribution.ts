// Which wallet each operation is for: every contender gets the same sequence, in every run.
export type Distribution = 'uniform' | 'hot';

export const walletCount = 1000;

/** Indexes below `walletCount`: always the first, or drawn evenly from a fixed seed. */
export function createPicker(distribution: Distribution): () => number {
  if (distribution === 'hot') return () => 0;
  let state = 42;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * walletCount);
  };
}
