// Where a payer comes back from a provider: their money is asked after at once, then they go on to the shop.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findPurchase } from '#shared/db/purchases.ts';
import type { ApiDeps } from '../context.ts';
import { createRouter } from './router.ts';
import { problemAnswer } from './schemas.ts';

/** Coming back again and again asks the provider this often at most, in milliseconds. */
const askEveryMs = 5000;

const returnRoute = createRoute({
  method: 'get',
  path: '/return/{tenant}/{purchaseId}',
  tags: ['Providers'],
  summary: 'Where a provider sends the payer back to',
  description:
    'Asks the provider about the payment, which may be quicker than its webhook, and sends the payer on to ' +
    'the `returnUrl` of the purchase, or to the wallet page. Says nothing about the payment.',
  request: { params: z.object({ tenant: z.string(), purchaseId: z.uuid() }) },
  responses: {
    303: { description: 'On to the shop' },
    404: problemAnswer('not_found, tenant_not_found'),
    422: problemAnswer('invalid_input'),
    503: problemAnswer('unavailable'),
  },
});

export function paymentReturnRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.openapi(returnRoute, async (c) => {
    const { tenant: slug, purchaseId } = c.req.valid('param');
    const tenant = /^[a-z][a-z0-9-]{1,30}$/.test(slug) ? await deps.tenants.find(slug) : undefined;
    if (!tenant || tenant.status === 'provisioning') throw new Problem('tenant_not_found');
    const purchase = await withTenant(deps.db.app, slug, (tx) => findPurchase(tx, purchaseId));
    if (!purchase) throw new Problem('not_found');
    if (purchase.status === 'awaiting_payer') await ask(deps, slug, purchaseId);
    return c.redirect(purchase.returnUrl ?? `${deps.config.publicUrl}/w/${slug}`, 303);
  });
  return router;
}

/** A queue that is down costs time only: the webhook or the clock will tell. */
async function ask({ producer, log }: ApiDeps, tenant: string, operationId: string): Promise<void> {
  const moment = Math.floor(Date.now() / askEveryMs);
  try {
    await producer.addProvider({ tenant, task: 'check', operationId }, `return-${operationId}-${moment}`);
  } catch (error) {
    log.warn({ err: error, tenant, operationId }, 'a payer came back and the provider was not asked yet');
  }
}
