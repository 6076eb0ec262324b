// What a statement is made of, as the OpenAPI document shows it.
import { z } from '@hono/zod-openapi';
import { transactionKinds } from '#shared/contracts/operation.ts';

const lineSchema = z.object({
  version: z.int(),
  kind: z.enum(transactionKinds),
  amount: z.int().openapi({ description: 'Signed: negative when coins left the wallet' }),
  balanceAfter: z.int(),
  operationId: z.uuid(),
  reference: z.string().nullable(),
  item: z.string().nullable(),
  createdAt: z.iso.datetime(),
});

const statementSchema = z
  .object({
    walletId: z.uuid(),
    userId: z.uuid(),
    currency: z.string().openapi({ description: 'The code of the coin' }),
    from: z.iso.datetime().nullable().openapi({ description: 'Null: from the beginning of the wallet' }),
    to: z.iso.datetime(),
    issuedAt: z.iso.datetime(),
    opening: z.int(),
    closing: z.int(),
    lines: z.array(lineSchema).openapi({ description: 'Oldest first' }),
    totals: z.array(z.object({ kind: z.string(), count: z.int(), amount: z.int() })),
  })
  .openapi('Statement');

export const statementAnswer = {
  description: 'The statement in the form that was asked for',
  content: {
    'application/json': { schema: statementSchema },
    'text/csv': { schema: z.string() },
    'text/html': { schema: z.string() },
  },
};
