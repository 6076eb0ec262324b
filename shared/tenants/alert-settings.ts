// What a tenant may want to be warned of, by webhooks and by mail.
import { z } from 'zod';
import { amountMax } from '../contracts/operation.ts';

const coins = z.int().min(1).max(amountMax);
const day = 86_400;
/** A window is counted in rows that are kept no longer than this. */
export const refusalWindowMax = day;

export const alerts = z
  .strictObject({
    emails: z.array(z.email().max(254)).max(10).default([]).describe('Who gets a mail of every alert'),
    balanceBelow: z
      .strictObject({
        coins: coins.describe(
          "Raised when an operation takes a user's wallet below this, cleared when one lifts it",
        ),
        mail: z
          .boolean()
          .default(true)
          .describe('Also by mail: one for all wallets that cross within ten minutes'),
      })
      .nullable()
      .default(null),
    liabilityAbove: z
      .strictObject({
        coins: coins.describe(
          'Of all wallets of one coin; looked at every minute, cleared below nine tenths of it',
        ),
      })
      .nullable()
      .default(null),
    refusalRate: z
      .strictObject({
        percent: z
          .int()
          .min(1)
          .max(100)
          .describe('Of operations that were rejected; cleared below nine tenths of it'),
        seconds: z.int().min(60).max(refusalWindowMax).default(900).describe('Length of the window'),
        operationsMin: z
          .int()
          .min(1)
          .max(1_000_000)
          .default(20)
          .describe('Fewer within the window say nothing'),
      })
      .nullable()
      .default(null),
  })
  .prefault({});
