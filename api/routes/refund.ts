// Refunds of spends and purchases, and what one would do before anyone confirms it.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findOperation } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { previewSchema, readRefundPreview } from '../refund-preview.ts';
import { actingUser, answerOperation, idempotencyKeyOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import {
  amount,
  callerSecurity,
  cleanText,
  idempotencyHeaders,
  operationAnswers,
  userIdField,
} from './schemas.ts';

const refundRoute = createRoute({
  method: 'post',
  path: '/wallet/refund',
  tags: ['Wallet'],
  summary: 'Refund a spend (coins come back) or a purchase (money goes back)',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    query: z.object({
      preview: z.enum(['true', 'false']).optional().openapi({
        description: 'true: nothing is journaled, and the answer says what would happen; needs no key',
      }),
    }),
    body: {
      content: {
        'application/json': {
          schema: z.strictObject({
            operationId: z.uuid().openapi({ description: 'The spend or purchase to refund' }),
            amount: amount.optional().openapi({ description: 'Coins; without it, all that is left' }),
            reason: cleanText.min(1).max(255).optional(),
            userId: userIdField,
          }),
        },
      },
      required: true,
    },
  },
  responses: {
    200: {
      description: 'The preview',
      content: { 'application/json': { schema: previewSchema } },
    },
    ...operationAnswers,
  },
});

export function refundRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/refund', limitBody, requireJson, requireCaller(deps));

  router.openapi(refundRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'refund');
    const { userId: given, ...body } = c.req.valid('json');
    const isPreview = c.req.valid('query').preview === 'true';
    const idempotencyKey = isPreview ? '' : idempotencyKeyOf(c);
    const original = await originalOf(deps, caller, body.operationId, given);
    const policy = refundPolicy(caller.tenant, original.kind);
    if (isPreview) {
      const preview = await readRefundPreview(deps, caller.tenant, original, {
        ...policy,
        amount: body.amount,
      });
      return c.json(preview, 200) as never;
    }
    return answerOperation(c, deps, {
      kind: 'refund',
      walletId: original.walletId,
      userId: original.userId,
      amount: body.amount ?? null,
      originalId: original.id,
      ...policy,
      ...(body.reason === undefined ? {} : { note: body.reason }),
      idempotencyKey,
      body,
    }) as never;
  });

  return router;
}

/** The operation to refund, if it is the caller's to refund: a foreign one does not exist. */
async function originalOf(deps: ApiDeps, caller: Caller, operationId: string, given: string | undefined) {
  if (caller.type === 'user') {
    if (!caller.tenant.settings.refunds.byUsers) {
      throw new Problem('forbidden', { detail: 'Here only the platform refunds.' });
    }
    actingUser(caller, given);
  }
  const original = await withTenant(deps.db.app, caller.tenant.slug, (tx) => findOperation(tx, operationId));
  const owner = caller.type === 'user' ? caller.userId : given?.toLowerCase();
  if (!original || (owner !== undefined && original.userId !== owner)) {
    throw new Problem('operation_not_found', { detail: 'There is no such operation.' });
  }
  return original;
}

/** Whether a refund of a purchase may leave a debt and take what was given; what a spend gives back never does. */
function refundPolicy({ settings }: Tenant, kind: string): { shortfall?: 'debt'; terms?: Terms } {
  if (kind !== 'purchase') return {};
  return {
    ...(settings.refunds.spentCoins === 'debt' ? { shortfall: 'debt' } : {}),
    ...(settings.bonus.refundable ? { terms: { bonus: true } } : {}),
  };
}
