// Drafts of what reserves coins, takes of them and lets them go.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findHold, type HoldRow } from '#shared/db/holds.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import { coinField, coinOf } from '../coins.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { draftOf } from '../draft.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { amount, metadata, reference, userIdField } from '../routes/schemas.ts';
import { tenantTime } from '../tenant-time.ts';
import { type DraftDeps, drafter } from './drafter.ts';

const day = 86_400;
const expiresInDefault = 7 * day;

const holdInput = z.strictObject({
  amount,
  expiresIn: z
    .int()
    .min(1)
    .max(31 * day)
    .optional()
    .openapi({ description: 'Seconds until it lets go by itself; left out: seven days', example: 3600 }),
  coin: coinField,
  reference: reference.optional(),
  metadata: metadata.optional(),
  userId: userIdField,
});

export const hold = drafter({
  scope: 'spend',
  input: holdInput,
  moves: true,
  async draft(deps, caller, { userId: given, ...body }, idempotencyKey) {
    const { tenant } = caller;
    const userId = actingUser(caller, given);
    return draftOf(deps, tenant, { kind: 'hold', userId, idempotencyKey, body }, async () => {
      const walletId = await deps.wallets.walletOf(tenant, userId, coinOf(tenant, body.coin));
      const now = await tenantTime(deps, tenant);
      const expiresAt = now + (body.expiresIn ?? expiresInDefault) * 1000;
      const { amount: coins, reference: own, metadata: more } = body;
      const terms: Terms = { expiresAt, ...(caller.type === 'user' ? { byUser: true } : {}) };
      return { walletId, amount: coins, terms, reference: own, metadata: more };
    });
  },
});

const texts = { reference: reference.optional(), metadata: metadata.optional() };
const holdId = z.uuid().openapi({ description: 'The hold' });
const captureFields = {
  amount: amount.optional().openapi({ description: 'Coins; without it, all that is left' }),
  ...texts,
};

/** What the routes of their own take; the hold stands in their path. */
export const captureBody = z.strictObject(captureFields);
export const releaseBody = z.strictObject(texts);

export const capture = drafter({
  scope: 'spend',
  input: z.strictObject({ holdId, ...captureFields }),
  async draft(deps, caller, { holdId: id, amount: coins = null, ...more }, idempotencyKey) {
    const draft = await endOf(deps, caller, id, idempotencyKey, { amount: coins, ...more });
    return { kind: 'capture', ...draft, amount: coins };
  },
});

export const release = drafter({
  scope: 'spend',
  input: z.strictObject({ holdId, ...texts }),
  async draft(deps, caller, { holdId: id, ...more }, idempotencyKey) {
    return { kind: 'release', ...(await endOf(deps, caller, id, idempotencyKey, more)), amount: null };
  },
});

/** @throws Problem forbidden, hold_not_found */
async function endOf(deps: DraftDeps, caller: Caller, id: string, idempotencyKey: string, body: object) {
  const { id: originalId, walletId, userId, byUser } = await holdOf(deps, caller, id);
  if (caller.type === 'user' && !byUser) {
    throw new Problem('forbidden', {
      detail: 'The platform made this hold and relies on it: only it ends it.',
    });
  }
  // Which hold it is is a part of what was asked, also where it stands in the path.
  return { walletId, userId, originalId, idempotencyKey, ...body, body: { ...body, hold: originalId } };
}

/** @throws Problem hold_not_found, also for one of somebody else. */
export async function holdOf(deps: Pick<ApiDeps, 'db'>, caller: Caller, id: string): Promise<HoldRow> {
  // What is no id cannot exist; Postgres would call it malformed.
  const hold = z.uuid().safeParse(id).success
    ? await withTenant(deps.db.app, caller.tenant.slug, (tx) => findHold(tx, id))
    : undefined;
  if (hold && (caller.type === 'platform' || hold.userId === caller.userId)) return hold;
  throw new Problem('hold_not_found', { detail: 'There is no such hold.' });
}
