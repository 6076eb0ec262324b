// Operations that a rule of the tenant holds, and an operator's word on each: it goes on, or it is refused.
import { createRoute, z } from '@hono/zod-openapi';
import { queueOf } from '#shared/contracts/jobs.ts';
import { type OperationKind, operationKinds } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import {
  type HeldView,
  listHeldOperations,
  refuseOperation,
  releaseOperation,
} from '#shared/db/held-operations.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import { findOperation, type OperationRow } from '#shared/db/operations.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { holdPurchase, setPurchase } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { nextPurchaseStatus } from '#shared/ledger/purchase-states.ts';
import { newsOfRefusal, wantsNews } from '#shared/outbox/news.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { operationSchema, problemAnswer } from '../routes/schemas.ts';
import { common, isId, json, listAnswers, listQuery, missing, toPage } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

const heldSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(operationKinds),
    amount: z.int().nullable().describe('Coins; null: a refund of all that is left'),
    userId: z.uuid(),
    email: z.string().nullable(),
    walletId: z.uuid(),
    originalId: z.uuid().nullable().describe('What would be refunded'),
    reference: z.string().nullable(),
    heldFor: z.string().describe('Which rule caught it, in words for people'),
    heldAt: z.iso.datetime(),
    createdAt: z.iso.datetime(),
    provider: z.string().nullable().describe('Of a purchase; it hears of it once the purchase is released'),
    price: z.int().nullable().describe('In the minor unit of the currency'),
    currency: z.string().nullable(),
  })
  .openapi('HeldOperation');

export const heldDecisionInput = z.strictObject({
  decision: z
    .enum(['release', 'refuse'])
    .describe(
      '`release`: it goes on behind all that waits now, and no velocity rule looks at it again. ' +
        '`refuse`: it is rejected with `refused_in_review`',
    ),
});
export type HeldDecision = z.infer<typeof heldDecisionInput>['decision'];

const path = '/operator/tenants/{slug}/held-operations';

const listRoute = createRoute({
  method: 'get',
  path,
  ...common,
  summary: 'List operations that are held for review, newest first',
  request: { params: slugParam, query: listQuery },
  responses: listAnswers('A page of operations that are held', heldSchema),
});

const decideRoute = createRoute({
  method: 'post',
  path: `${path}/{operationId}/decision`,
  ...common,
  summary: 'Release or refuse an operation that is held for review',
  request: {
    params: slugParam.extend({ operationId: z.string() }),
    body: { ...json(heldDecisionInput), required: true },
  },
  responses: {
    200: { description: 'Decided; what was released is settled next', ...json(operationSchema) },
    ...missing,
    400: problemAnswer('malformed_request'),
    409: problemAnswer('review_state: it is not held, or somebody was faster'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

function toHeld({ heldAt, createdAt, ...held }: HeldView): z.infer<typeof heldSchema> {
  return { ...held, heldAt: heldAt.toISOString(), createdAt: createdAt.toISOString() };
}

/** A page of what waits for an operator. @throws Problem tenant_not_found */
export async function readHeldOperations(
  deps: ApiDeps,
  slug: string,
  { cursor: after, limit }: z.infer<typeof listQuery>,
) {
  const tenant = await requireTenantRow(deps, slug);
  const page = { after, limit: limit + 1 };
  return toPage(await withTenant(deps.db.app, tenant.slug, (tx) => listHeldOperations(tx, page)), limit);
}

const noSuchOperation = () => new Problem('not_found', { detail: 'The tenant has no such operation.' });

interface Review {
  slug: string;
  operationId: string;
  decision: HeldDecision;
  actor: string;
}

/**
 * Ends the review of an operation, also while its tenant is suspended. The first of two people decides.
 * @throws Problem tenant_not_found, not_found, review_state when it is not held
 */
export async function decideHeld(deps: ApiDeps, review: Review): Promise<OperationRow> {
  const { slug, operationId, decision } = review;
  const tenant = await requireTenantRow(deps, slug);
  if (!isId(operationId)) throw noSuchOperation();
  const announces = decision === 'refuse' && wantsNews(await deps.tenants.find(slug));
  const operation = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    await decide(tx, review);
    if (announces) await deps.outbox.emit(tx, [newsOfRefusal(slug, operationId)]);
    const decided = await findOperation(tx, operationId);
    if (!decided) throw noSuchOperation();
    return decided;
  });
  if (decision === 'refuse') {
    deps.metrics.settled.labels(operation.kind, 'rejected', 'refused_in_review').inc();
    await deps.outcomes.publish([operation.id]);
  } else await wake(deps, slug, operation);
  return operation;
}

/** Holds wallet and purchase in the order of settling, so that nobody waits in a circle. */
async function decide(tx: Tx, { slug, operationId: id, decision, actor }: Review): Promise<void> {
  const purchase = await holdPurchase(tx, id);
  const decided = decision === 'release' ? await releaseOperation(tx, id) : await refuseOperation(tx, id);
  if (!decided && !(await findOperation(tx, id))) throw noSuchOperation();
  if (!decided) {
    throw new Problem('review_state', { detail: 'It does not wait for a decision, or not any more.' });
  }
  if (purchase) {
    const refused = nextPurchaseStatus(purchase.status, 'checkout_refused') ?? purchase.status;
    const status = decision === 'release' ? purchase.status : refused;
    await setPurchase(tx, id, { status, detail: `${decision}d by an operator` });
  }
  const action = decision === 'release' ? 'operation.released' : 'operation.refused';
  await insertAudit(tx, { tenant: slug, actor, action, target: id, detail: decided });
}

/** The decision stands: what is not reached here is found by the sweep, or by the clock of purchases. */
async function wake(
  deps: ApiDeps,
  tenant: string,
  { id, kind }: { id: string; kind: OperationKind },
): Promise<void> {
  try {
    await deps.producer.wakeOperations(tenant, [{ queue: queueOf(kind), kind, id, notify: true }]);
  } catch (error) {
    deps.metrics.enqueueFailures.inc();
    deps.log.warn({ err: error, tenant, operationId: id }, 'not enqueued; the sweep will');
  }
}

export function heldOperationRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(listRoute, async (c) => {
    const page = await readHeldOperations(deps, c.req.param('slug'), c.req.valid('query'));
    return c.json({ ...page, data: page.data.map(toHeld) }, 200);
  });
  app.openapi(decideRoute, async (c) => {
    const { slug, operationId } = c.req.valid('param');
    const { decision } = c.req.valid('json');
    const actor = operatorName(c, deps);
    return c.json(toOperationView(await decideHeld(deps, { slug, operationId, decision, actor })), 200);
  });
  return app;
}
