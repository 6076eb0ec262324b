// The draft of a refund: whose it is to refund, and what becomes of coins that are spent already.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findOperation, type OperationRow } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Caller } from '../context.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { amount, cleanText, userIdField } from '../routes/schemas.ts';
import { type DraftDeps, drafter } from './drafter.ts';

export const refund = drafter({
  scope: 'refund',
  input: z.strictObject({
    operationId: z.uuid().openapi({ description: 'The spend or purchase to refund' }),
    amount: amount.optional().openapi({ description: 'Coins; without it, all that is left' }),
    reason: cleanText.min(1).max(255).optional(),
    userId: userIdField,
  }),
  async draft(deps, caller, { userId: given, ...body }, idempotencyKey) {
    const original = await originalOf(deps, caller, body.operationId, given);
    if (caller.type === 'user') requireWholeUnits(original, body.amount);
    return {
      kind: 'refund',
      walletId: original.walletId,
      userId: original.userId,
      amount: body.amount ?? null,
      originalId: original.id,
      ...refundPolicy(caller.tenant, original.kind),
      ...(body.reason === undefined ? {} : { note: body.reason }),
      idempotencyKey,
      body,
    };
  },
});

/** The operation to refund, if it is the caller's to refund: a foreign one does not exist. */
export async function originalOf(
  deps: DraftDeps,
  caller: Caller,
  operationId: string,
  given: string | undefined,
) {
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

/** A unit is taken back once all of its coins are: a user must not get nearly all of them back and keep it. */
function requireWholeUnits({ terms }: OperationRow, coins: number | undefined): void {
  const price = terms?.item?.price;
  if (price === undefined || coins === undefined || coins % price === 0) return;
  const detail = `Units of this item are refunded whole, ${price} coins each.`;
  throw new Problem('invalid_input', {
    detail: `amount: ${detail}`,
    faults: [{ pointer: '/amount', code: 'not_whole_units', detail }],
  });
}

/** Whether a refund of a purchase may leave a debt and take what was given; what a spend gives back never does. */
export function refundPolicy({ settings }: Tenant, kind: string): { shortfall?: 'debt'; terms?: Terms } {
  if (kind !== 'purchase') return {};
  return {
    ...(settings.refunds.spentCoins === 'debt' ? { shortfall: 'debt' } : {}),
    ...(settings.bonus.refundable ? { terms: { bonus: true } } : {}),
  };
}
