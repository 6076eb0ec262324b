// The form of a reconciliation in the API document; it holds the same names as the stored report.
import { z } from '@hono/zod-openapi';

const money = z.int().describe('In the minor unit of the currency');
const totals = z
  .object({ captured: money, refunded: money, disputed: money, net: money })
  .openapi('MoneyTotals');
const count = z.int();

const report = z
  .object({
    counts: z.object({
      listed: count.describe('Changes in the list of the provider'),
      seen: count.describe('Payments that were looked at'),
      repaired: count.describe('Purchases that webhooks had left behind'),
      foreign: count.describe('Payments in the account that are not ours'),
      unknown: count,
      parked: count,
      missing: count,
      unavailable: count,
    }),
    columns: z.array(
      z.object({
        currency: z.string(),
        purchases: count,
        provider: totals,
        ledger: totals,
        difference: money.describe('Net of the provider less net of the ledger'),
        liability: z.object({ coins: count, value: money }),
      }),
    ),
    books: z.array(totals.extend({ currency: z.string(), purchases: count })),
    coins: z.object({ paid: count, bonus: count, debt: count, unpriced: count }),
    differences: z.array(
      z.object({
        kind: z.enum(['money', 'unknown', 'missing', 'unsettled']),
        purchaseId: z.string().nullable(),
        ref: z.string(),
        currency: z.string().nullable(),
        provider: totals.nullable(),
        ledger: totals.nullable(),
        detail: z.string().nullable(),
      }),
    ),
    differencesTotal: count.describe('Of which at most 200 are named'),
    repairs: z.array(z.object({ purchaseId: z.string(), before: z.string(), after: z.string() })),
  })
  .partial()
  .openapi('ReconciliationReport');

export const reconciliationSchema = z
  .object({
    id: z.uuid(),
    provider: z.string(),
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    status: z.enum(['running', 'done', 'failed']),
    detail: z.string().nullable(),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().nullable(),
    repaired: count,
    differences: count,
    report,
  })
  .openapi('Reconciliation');
