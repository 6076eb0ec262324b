// The routes about lots, as the OpenAPI document shows them.
import { createRoute, z } from '@hono/zod-openapi';
import { callerSecurity, problemAnswer } from '../routes/schemas.ts';
import { moneySchema, originSchema } from './coin-origin.ts';

const heirSchema = z.object({
  userId: z.uuid(),
  coins: z.int(),
  currency: z.string().openapi({ description: 'The code of the coin' }),
  lotId: z.uuid().nullable().openapi({ description: 'Null: in the wallet of another user' }),
});
export type Heir = z.infer<typeof heirSchema>;
const became = z.array(heirSchema).openapi({ description: 'What the coins became in other wallets' });

const lotSchema = z
  .object({
    id: z.uuid(),
    walletId: z.uuid(),
    userId: z.uuid(),
    made: z.int().openapi({ description: 'Coins that it began with' }),
    bucket: z.enum(['paid', 'bonus']),
    priority: z.int(),
    expiresAt: z.iso.datetime().nullable(),
    cost: moneySchema.nullable().openapi({ description: 'What all of it cost' }),
    origin: z.array(originSchema),
  })
  .openapi('Lot');

const moveSchema = z
  .object({
    operationId: z.uuid(),
    kind: z.string(),
    at: z.iso.datetime(),
    reference: z.string().nullable(),
    item: z.object({ id: z.string(), quantity: z.int() }).nullable(),
    originalOperationId: z.uuid().nullable(),
    coins: z.int().openapi({ description: 'Signed: negative when coins left the lot' }),
    cost: moneySchema.nullable().openapi({ description: 'What these coins cost' }),
    left: z.int().openapi({ description: 'Coins of the lot after it' }),
    balanceAfter: z.int().openapi({ description: 'The balance of the wallet after it' }),
    version: z.int(),
    became,
  })
  .openapi('LotMove');

const answers = {
  401: problemAnswer('unauthenticated'),
  403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended'),
  503: problemAnswer('unavailable'),
};

export const lotRoute = createRoute({
  method: 'get',
  path: '/wallet/lots/{id}',
  tags: ['Wallet'],
  summary: 'A lot: where it came from, and every posting that moved it, oldest first',
  description:
    'A page looks at a bounded part of the history: it may be shorter than `limit`, or empty, and still have more.',
  security: callerSecurity,
  request: {
    params: z.object({ id: z.string() }),
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.string().max(200).optional(),
    }),
  },
  responses: {
    200: {
      description: 'A page',
      content: {
        'application/json': {
          schema: z.object({
            lot: lotSchema,
            data: z.array(moveSchema),
            hasMore: z.boolean(),
            nextCursor: z.string().nullable(),
          }),
        },
      },
    },
    ...answers,
    404: problemAnswer('not_found'),
    422: problemAnswer('invalid_input'),
  },
});

export const operationLotsRoute = createRoute({
  method: 'get',
  path: '/operations/{id}/lots',
  tags: ['Operations'],
  summary: 'The lots that an operation moved in its own wallet, with what these coins cost',
  description: 'Empty while it has no outcome, where it was refused, and where it moves no coins.',
  security: callerSecurity,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: {
      description: 'Posting by posting, in the order in which coins were taken or came back',
      content: {
        'application/json': {
          schema: z
            .object({
              operationId: z.uuid(),
              kind: z.string(),
              status: z.string(),
              lots: z.array(
                z.object({
                  lotId: z.uuid().nullable(),
                  version: z.int(),
                  coins: z.int().openapi({ description: 'Signed' }),
                  bucket: z.enum(['paid', 'bonus']),
                  cost: moneySchema.nullable(),
                  origin: z.array(originSchema),
                }),
              ),
              cost: z.array(moneySchema).openapi({ description: 'The sum, by currency' }),
              became,
            })
            .openapi('OperationLots'),
        },
      },
    },
    ...answers,
    404: problemAnswer('operation_not_found'),
  },
});
