// Where coins came from and what they cost: follows a lot back to the purchase or grant that its coins were first.
import { z } from '@hono/zod-openapi';
import type { LotStep } from '#shared/db/lots.ts';
import type { Caller } from '../context.ts';

export const moneySchema = z.object({
  amount: z.int().openapi({ description: 'In the minor unit of the currency, rounded down' }),
  currency: z.string(),
});
export type Money = z.infer<typeof moneySchema>;

export const originSchema = z
  .object({
    kind: z.string().openapi({
      description:
        'The operation that made the lot: `purchase`, `grant`, `transfer`, `exchange` and so on. `opening`: it was ' +
        'in the wallet before lots were counted',
    }),
    at: z.iso.datetime(),
    coins: z.int().openapi({ description: 'All coins of that lot when it was made' }),
    bucket: z.enum(['paid', 'bonus']),
    lotId: z.uuid().nullable(),
    operationId: z.uuid().nullable(),
    reference: z.string().nullable(),
    fromUserId: z.uuid().nullable().openapi({ description: 'Of a transfer: who sent the coins' }),
    purchase: z
      .object({ pack: z.string().nullable(), provider: z.string(), price: moneySchema })
      .nullable()
      .openapi({ description: 'Of a purchase: what was bought and what all of it cost' }),
  })
  .openapi('CoinOrigin');
export type Origin = z.infer<typeof originSchema>;

/** All steps of each lot, nearest first. */
export function chainsOf(steps: LotStep[]): Map<string, LotStep[]> {
  const chains = new Map<string, LotStep[]>();
  for (const step of steps) {
    const chain = chains.get(step.leaf);
    if (chain) chain.push(step);
    else chains.set(step.leaf, [step]);
  }
  return chains;
}

/** What a user may not read of another: what a coin was before it changed hands is its sender's business. */
const isOpen = (caller: Caller | undefined, step: LotStep) =>
  caller?.type !== 'user' || step.userId === caller.userId;

/** `caller` undefined: an operator, who like a platform sees all. */
export function originsOf(chain: LotStep[], caller: Caller | undefined): Origin[] {
  return chain.map((step) => {
    const open = isOpen(caller, step);
    const { pack, provider, price, currency } = step;
    const bought = provider !== null && price !== null && currency !== null;
    return {
      kind: step.kind ?? 'opening',
      at: step.createdAt.toISOString(),
      coins: step.coins,
      bucket: step.bucket,
      lotId: open ? step.id : null,
      operationId: open ? step.operationId : null,
      reference: open ? step.reference : null,
      fromUserId: open && step.kind === 'transfer' ? step.senderId : null,
      purchase: open && bought ? { pack, provider, price: { amount: price, currency } } : null,
    };
  });
}

/**
 * What so many coins of the chain's lot cost: their part of the price of the purchase that they come from,
 * through every change of hands and of coin. Null: given, of unknown origin, or none of the caller's business.
 */
export function costOf(chain: LotStep[], coins: number, caller: Caller | undefined): Money | null {
  const root = chain.at(-1);
  if (!root || root.source !== null || root.price === null || root.currency === null) return null;
  if (!isOpen(caller, root)) return null;
  let parts = BigInt(coins) * BigInt(root.price);
  let whole = BigInt(root.coins);
  for (const step of chain) {
    if (step.sourceCoins === null) continue;
    parts *= BigInt(step.sourceCoins);
    whole *= BigInt(step.coins);
  }
  return { amount: Number(parts / whole), currency: root.currency };
}

/** Money summed by currency. */
export function sumMoney(parts: (Money | null)[]): Money[] {
  const sums = new Map<string, number>();
  for (const part of parts) if (part) sums.set(part.currency, (sums.get(part.currency) ?? 0) + part.amount);
  return [...sums].map(([currency, amount]) => ({ amount, currency }));
}
