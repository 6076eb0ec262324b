// Drafts of what moves coins between one wallet and the platform: spends and grants.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { coinField, coinOf } from '../coins.ts';
import { draftOf } from '../draft.ts';
import { priceSpend, spendInput } from '../items/spend.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { amount, metadata, reference } from '../routes/schemas.ts';
import { tenantTime } from '../tenant-time.ts';
import { type DraftDeps, drafter } from './drafter.ts';

export const spend = drafter({
  scope: 'spend',
  input: spendInput,
  moves: true,
  async draft(deps, caller, { userId: given, ...body }, idempotencyKey) {
    const { tenant } = caller;
    const userId = actingUser(caller, given);
    return draftOf(deps, tenant, { kind: 'spend', userId, idempotencyKey, body }, async () => {
      const { reference: own, metadata: more } = body;
      const { coin, ...priced } = priceSpend(tenant, body);
      const walletId = await deps.wallets.walletOf(tenant, userId, coin);
      return { walletId, ...priced, ...(own && { reference: own }), ...(more && { metadata: more }) };
    });
  },
});

export const grant = drafter({
  scope: 'grant',
  input: z.strictObject({
    userId: z.uuid(),
    amount,
    bucket: z.enum(['paid', 'bonus']).default('bonus'),
    coin: coinField,
    expiresAt: z.iso
      .datetime({ offset: true })
      .optional()
      .openapi({ description: 'From then on they cannot be spent; left out: never' }),
    priority: z.int().min(0).max(100).optional().openapi({
      description: 'Coins of a lower one are spent first; left out: 50',
    }),
    reference: reference.optional(),
    metadata: metadata.optional(),
  }),
  async draft(deps, caller, { userId: given, ...body }, idempotencyKey) {
    const { tenant } = caller;
    if (caller.type !== 'platform') {
      throw new Problem('forbidden', { detail: 'Only a platform grants coins.' });
    }
    const userId = actingUser(caller, given);
    return draftOf(deps, tenant, { kind: 'grant', userId, idempotencyKey, body }, async () => {
      const { coin, expiresAt, priority, ...rest } = body;
      const terms = await lotTermsOf(deps, tenant, expiresAt, priority);
      const walletId = await deps.wallets.walletOf(tenant, userId, coinOf(tenant, coin));
      return { walletId, terms, ...rest };
    });
  },
});

/** What is not usual about the coins, if anything. @throws Problem invalid_input when they would be over already. */
async function lotTermsOf(
  deps: DraftDeps,
  tenant: Tenant,
  expiresAt: string | undefined,
  priority: number | undefined,
): Promise<Terms | undefined> {
  if (expiresAt === undefined && priority === undefined) return undefined;
  const terms: Terms = priority === undefined ? {} : { priority };
  if (expiresAt === undefined) return terms;
  const at = Date.parse(expiresAt);
  if (at > (await tenantTime(deps, tenant))) return { ...terms, expiresAt: at };
  const detail = 'This time is over.';
  throw new Problem('invalid_input', {
    detail: `expiresAt: ${detail}`,
    faults: [{ pointer: '/expiresAt', code: 'in_the_past', detail }],
  });
}
