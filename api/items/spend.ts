// What a spend costs: an amount as it is asked for, or an item at the price and the limits of this moment.
import { z } from '@hono/zod-openapi';
import { amountMax } from '#shared/contracts/operation.ts';
import { problemAt } from '#shared/contracts/problem.ts';
import type { ItemTerms, Terms } from '#shared/ledger/terms.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type CatalogueItem, unitsMax } from '#shared/tenants/item-settings.ts';
import { coinField, coinOf } from '../coins.ts';
import { amount, metadata, reference, userIdField } from '../routes/schemas.ts';

export const units = z
  .int()
  .min(1)
  .max(unitsMax)
  .openapi({ description: 'Units; one where it is left out', example: 1 });

const fields = z.strictObject({
  amount: amount.optional(),
  item: z.string().min(1).max(63).optional().openapi({
    description: "One of the tenant's items, instead of an amount",
    example: 'sword',
  }),
  coin: coinField,
  quantity: units.optional(),
  expectedPrice: amount.optional().openapi({
    description:
      'Coins a unit, as the caller was told: at any other price the spend is refused, `price_changed`',
    example: 250,
  }),
  reference: reference.optional(),
  metadata: metadata.optional(),
  userId: userIdField,
});
type SpendInput = z.infer<typeof fields>;

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** Beside other faults, not after them: all are told at once. */
const always = { when: ({ value }: { value: unknown }) => isObject(value) };

export const spendInput = fields
  .refine((given) => given.amount !== undefined || given.item !== undefined, {
    ...always,
    message: 'give an amount or an item',
    path: ['amount'],
  })
  .refine((given) => given.amount === undefined || given.item === undefined, {
    ...always,
    message: 'give an amount or an item, not both',
    path: ['item'],
  })
  .refine((given) => given.item === undefined || given.coin === undefined, {
    ...always,
    message: 'belongs to an amount: an item has its own',
    path: ['coin'],
  })
  .refine((given) => given.item !== undefined || given.quantity === undefined, {
    ...always,
    message: 'belongs to an item',
    path: ['quantity'],
  })
  .refine((given) => given.item !== undefined || given.expectedPrice === undefined, {
    ...always,
    message: 'belongs to an item',
    path: ['expectedPrice'],
  });

export interface Priced {
  coin: string;
  amount: number;
  terms?: Terms;
}

/**
 * Freezes what the catalogue says now.
 * @throws Problem unknown_item, unknown_coin, or invalid_input for more coins than an amount may have.
 */
export function priceSpend(tenant: Tenant, input: Omit<SpendInput, 'userId'>): Priced {
  const { item: id, amount: asked = 0, quantity = 1, expectedPrice } = input;
  if (id === undefined) return { coin: coinOf(tenant, input.coin), amount: asked };
  const item = tenant.settings.items.find((each) => each.id === id && !each.archived);
  if (!item) throw problemAt('unknown_item', '/item', `There is no item "${id}".`);
  const total = BigInt(item.price) * BigInt(quantity);
  if (total > amountMax) {
    const detail = 'So many units cost more coins than there can be.';
    throw problemAt('invalid_input', '/quantity', detail, 'too_big');
  }
  const coin = coinOf(tenant, item.coin);
  return { coin, amount: Number(total), terms: { item: termsOf(item, quantity, expectedPrice) } };
}

function termsOf(item: CatalogueItem, quantity: number, expectedPrice: number | undefined): ItemTerms {
  const { id, kind, price, stock, perUser, from, until } = item;
  return {
    ...{ id, kind, price, quantity },
    ...(expectedPrice === undefined ? {} : { expectedPrice }),
    ...(stock === undefined ? {} : { stock }),
    ...(perUser === undefined ? {} : { perUser }),
    ...(from === undefined ? {} : { from: Date.parse(from) }),
    ...(until === undefined ? {} : { until: Date.parse(until) }),
  };
}
