// Drafts of using up units of what a spend bought.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findOperation } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Caller } from '../context.ts';
import { units } from '../items/spend.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { metadata, reference, userIdField } from '../routes/schemas.ts';
import { drafter } from './drafter.ts';

const fields = {
  quantity: units.optional(),
  reference: reference.optional(),
  metadata: metadata.optional(),
  userId: userIdField,
};

/** What the route of its own takes; the entitlement stands in its path. */
export const consumeBody = z.strictObject(fields);

export const consume = drafter({
  scope: 'spend',
  input: z.strictObject({
    entitlementId: z.string().openapi({ description: 'The entitlement; the id of the spend that bought it' }),
    ...fields,
  }),
  async draft(deps, caller, { entitlementId: id, userId: given, ...body }, idempotencyKey) {
    const owner = ownerOf(caller, given);
    const spend = isId(id)
      ? await withTenant(deps.db.app, caller.tenant.slug, (tx) => findOperation(tx, id))
      : undefined;
    const isOwn = owner === undefined || spend?.userId === owner;
    if (spend?.kind !== 'spend' || !spend.terms?.item || !isOwn) throw noEntitlement();
    const { quantity = 1, ...texts } = body;
    return {
      kind: 'consume',
      walletId: spend.walletId,
      userId: spend.userId,
      amount: null,
      originalId: spend.id,
      terms: { units: quantity },
      ...texts,
      idempotencyKey,
      body: { id: spend.id, ...body },
    };
  },
});

export const isId = (text: string) => z.uuid().safeParse(text).success;
export const noEntitlement = () =>
  new Problem('entitlement_not_found', { detail: 'There is no such entitlement.' });

/** Whose it must be: a user's own; a platform's key opens all of its users', and may name one. */
export function ownerOf(caller: Caller, given: string | undefined): string | undefined {
  return caller.type === 'platform' && given === undefined ? undefined : actingUser(caller, given);
}
