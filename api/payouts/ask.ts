// Asks for a payout to one user, and says where a user's money goes.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { insertPayoutDestination } from '#shared/db/payouts.ts';
import { withTenant } from '#shared/db/pool.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { draftOf } from '../draft.ts';
import { requireFreshLogin } from '../identity/freshness.ts';
import type { OperationDraft } from '../journal-row.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { amount, cleanText, metadata, reference, userIdField } from '../routes/schemas.ts';
import { auditAct } from '../top-ups/methods.ts';
import { onUser } from '../users/standing.ts';
import { destinationOf, needsDestination, requireAllowed, requirePayer, rulesOf, termsOf } from './terms.ts';

export const payoutInput = z.strictObject({
  amount,
  reference: reference.optional(),
  metadata: metadata.optional(),
  userId: userIdField,
});

/**
 * A draft for the journal; whether the coins are earned is the ledger's to say.
 * @throws Problem payouts_not_configured, provider_not_configured, payout_destination_required, forbidden,
 *   user_not_found, invalid_amount
 */
export function draftPayout(
  deps: ApiDeps,
  caller: Caller,
  { userId: given, ...body }: z.output<typeof payoutInput>,
  idempotencyKey: string,
): Promise<OperationDraft> {
  const { tenant } = caller;
  const userId = actingUser(caller, given);
  return draftOf(deps, tenant, { kind: 'payout', userId, idempotencyKey, body }, async () => {
    const rules = rulesOf(tenant);
    requireAllowed(caller, rules);
    requirePayer(deps, tenant, rules);
    const walletId = await deps.wallets.walletOf(tenant, userId, rules.coin);
    const destination = await withTenant(deps.db.app, tenant.slug, (tx) => destinationOf(tx, userId, rules));
    if (!destination && needsDestination(rules)) {
      const detail = 'Say where the money goes: PUT /wallet/payout-destination.';
      throw new Problem('payout_destination_required', { detail });
    }
    const terms = { payout: termsOf(rules, body.amount, destination?.id ?? null) };
    return { walletId, terms, amount: body.amount, reference: body.reference, metadata: body.metadata };
  });
}

export const destinationInput = z.strictObject({
  destination: cleanText.min(1).max(255).openapi({
    description:
      'As whoever pays knows it. For the sandbox `fails`, `returns` and `unclear` do what they say; all else is paid',
    example: 'acct-nora',
  }),
  userId: userIdField,
});

export const destinationView = z
  .object({ id: z.uuid(), provider: z.string(), destination: z.string() })
  .openapi('PayoutDestination');

/**
 * Of the next payouts; those that were asked for before keep theirs. Whoever can change it can take the money: users
 * log in afresh for it.
 * @throws Problem payouts_not_configured, forbidden, fresh_login_required, user_not_found
 */
export async function setDestination(
  deps: ApiDeps,
  caller: Caller,
  { userId: given, destination }: z.output<typeof destinationInput>,
): Promise<z.infer<typeof destinationView>> {
  const { tenant } = caller;
  const userId = actingUser(caller, given);
  const rules = rulesOf(tenant);
  requireAllowed(caller, rules);
  if (caller.type === 'user') await requireFreshLogin(deps, caller);
  const row = { id: newId(), userId, provider: rules.provider, ref: destination };
  const actor = caller.type === 'user' ? `user:${userId}` : `key:${caller.keyId}`;
  await onUser(deps, { tenant: tenant.slug, userId, actor }, async (tx) => {
    await insertPayoutDestination(tx, row);
    // Not where to: the audit keeps what it has.
    await auditAct(tx, caller, 'payout.destination', userId, { id: row.id, provider: row.provider });
  });
  return { id: row.id, provider: row.provider, destination };
}
