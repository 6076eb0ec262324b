// What a tenant may set about paying its users out in money: which coins, what for, and by whom.
import { z } from 'zod';
import { amountMax } from '../contracts/operation.ts';
import { shareOf } from '../ledger/terms.ts';
import { coinCode } from './coin-settings.ts';

export const currency = z
  .string()
  .regex(/^[a-z]{3}$/, 'must be a lower-case ISO 4217 code')
  .describe('ISO 4217 code, lower case');

/** `manual`: the platform pays by itself and says so. `sandbox`: nobody is paid; for sandbox tenants only. */
const payoutProviders = ['manual', 'sandbox'] as const;

export const payouts = z
  .strictObject({
    coin: coinCode.optional().describe("What is paid out; left out: the tenant's first coin"),
    coins: z.int().min(1).max(1_000_000).default(1).describe('For so many coins …'),
    price: z.int().min(1).max(1_000_000_000).describe('… so many minor units are paid, rounded down'),
    currency: currency.default('usd'),
    minimum: z.int().min(1).max(amountMax).describe('Fewer coins are not paid out'),
    holdDays: z
      .int()
      .min(0)
      .max(365)
      .default(14)
      .describe('How long coins wait from the transfer that brought them'),
    provider: z.enum(payoutProviders).describe('Who pays'),
    byUsers: z.boolean().default(false).describe('Whether users may ask for payouts themselves'),
  })
  .refine(({ minimum, price, coins }) => shareOf(minimum, price, coins) >= 1, {
    message: 'the minimum must be worth a minor unit',
    path: ['minimum'],
  })
  .nullable()
  .default(null)
  .describe('Paying users out in money for coins that others sent them; null: nobody is paid out');
export type PayoutSettings = NonNullable<z.infer<typeof payouts>>;
