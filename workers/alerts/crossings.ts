// Which operations of a batch took a wallet across the threshold of its tenant. Pure: from postings alone.
import type { NewsPosting } from '#shared/contracts/events.ts';

export interface Crossing {
  operationId: string;
  walletId: string;
  change: 'raised' | 'cleared';
  balance: number;
  version: number;
}

/**
 * An operation may have several postings on a wallet, and what lies between them is nobody's balance: it
 * counts from before the first to after the last. Postings of a wallet come in the order of their versions.
 */
export function crossingsOf(postings: NewsPosting[], threshold: number): Crossing[] {
  const moves = Map.groupBy(postings, ({ operationId, walletId }) => `${operationId}/${walletId}`);
  return [...moves.values()].flatMap((move) => {
    const [first, last] = [move[0], move.at(-1)];
    if (!first || !last) return [];
    const wasBelow = first.balanceAfter - first.amount < threshold;
    const isBelow = last.balanceAfter < threshold;
    if (wasBelow === isBelow) return [];
    const { operationId, walletId, version, balanceAfter: balance } = last;
    return [{ operationId, walletId, version, balance, change: isBelow ? 'raised' : 'cleared' }];
  });
}
