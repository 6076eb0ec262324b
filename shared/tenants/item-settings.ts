// What a tenant sells for coins: its catalogue, as an operator writes it.
import { z } from 'zod';
import { amountMax } from '../contracts/operation.ts';
import { coinCode } from './coin-settings.ts';
import { plainLine } from './plain-line.ts';

/** Units of one item, in a stock, a limit or a purchase. */
export const unitsMax = 1_000_000_000;

const time = z.iso.datetime({ offset: true });
const units = (least: number) => z.int().min(least).max(unitsMax);

const item = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be lower-case letters, digits, - or _'),
    name: plainLine(80),
    description: plainLine(500).optional(),
    price: z.int().min(1).max(amountMax).describe('Coins a unit'),
    coin: coinCode.optional().describe("Of the price; left out: the tenant's first coin"),
    kind: z.enum(['durable', 'consumable']).describe('Whether units are kept, or used up one by one'),
    stock: units(0).optional().describe('Units that may be sold in all; refunds give theirs back'),
    perUser: units(1).optional().describe('Units that one user may have, those used up among them'),
    from: time.optional().describe('Not sold before, ISO 8601'),
    until: time.optional().describe('Not sold from then on, ISO 8601'),
    archived: z.boolean().default(false).describe('Not sold and not shown any more; what users have stays'),
  })
  .refine(
    ({ from, until }) => from === undefined || until === undefined || Date.parse(from) < Date.parse(until),
    {
      message: 'must be after `from`',
      path: ['until'],
    },
  );
export type CatalogueItem = z.infer<typeof item>;

const uniqueItems = (items: CatalogueItem[]) => new Set(items.map(({ id }) => id)).size === items.length;

export const items = z
  .array(item)
  .max(500)
  .refine(uniqueItems, 'item ids must be unique')
  .default([])
  .describe('What coins buy; an id that was sold keeps its count of units, whatever becomes of the item');
