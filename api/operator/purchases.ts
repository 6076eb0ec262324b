// Purchases for operators: how each stands, why it waits, and the decision on one that nobody else can make.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import {
  type DisputeView,
  findPurchaseView,
  listDisputeViews,
  listPurchaseViews,
  listRefundViews,
  type PurchaseView,
  type RefundView,
} from '#shared/db/purchase-views.ts';
import { disputeStates, purchaseStatuses, refundStatuses } from '#shared/ledger/purchase-states.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { common, isId, json, listAnswers, listQuery, missing, toPage } from './listing.ts';
import { decideReview, reviewInput } from './review.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

export const purchaseQuery = listQuery.extend({
  status: z.enum(purchaseStatuses).optional(),
  walletId: z.uuid().optional(),
});

const money = z.int().describe('In the minor unit of the currency');
const purchaseSchema = z
  .object({
    id: z.uuid().describe('The operation'),
    userId: z.uuid(),
    email: z.string().nullable(),
    walletId: z.uuid(),
    provider: z.string(),
    pack: z.string().nullable(),
    coins: z.int(),
    price: money,
    currency: z.string(),
    status: z.enum(purchaseStatuses),
    detail: z.string().nullable().describe('Why it waits, or how it ended'),
    came: money.nullable().describe('What was paid, where that is not what was quoted'),
    cameCurrency: z.string().nullable(),
    refunded: money,
    disputed: money.describe('What banks hold of it'),
    coinsUndone: z.int(),
    writtenOff: z.int().describe('Coins that were taken back by a bank, spent, and are not owed'),
    walletDebt: z.int().describe('Coins that its wallet owes now'),
    frozenReason: z.string().nullable().describe('Why its wallet is frozen'),
    checkoutRef: z.string().nullable(),
    paymentRef: z.string().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Purchase');

const wholeSchema = purchaseSchema.extend({
  refunds: z.array(
    z.object({
      id: z.uuid(),
      origin: z.enum(['operation', 'undeliverable', 'provider', 'surplus']),
      amount: money,
      currency: z.string(),
      status: z.enum(refundStatuses),
      refundRef: z.string().nullable(),
      detail: z.string().nullable(),
      createdAt: z.iso.datetime(),
    }),
  ),
  disputes: z.array(
    z.object({
      ref: z.string(),
      state: z.enum(disputeStates),
      amount: money,
      withdrawn: money,
      currency: z.string(),
      reason: z.string().nullable(),
      outcome: z.string().nullable(),
      createdAt: z.iso.datetime(),
    }),
  ),
});

const path = '/operator/tenants/{slug}/purchases';
const purchaseParams = slugParam.extend({ id: z.string() });

const listRoute = createRoute({
  method: 'get',
  path,
  ...common,
  summary: 'List purchases, newest first',
  request: { params: slugParam, query: purchaseQuery },
  responses: listAnswers('A page of purchases', purchaseSchema),
});

const showRoute = createRoute({
  method: 'get',
  path: `${path}/{id}`,
  ...common,
  summary: 'Show a purchase with its refunds and disputes',
  request: { params: purchaseParams },
  responses: { 200: { description: 'The purchase', ...json(wholeSchema) }, ...missing },
});

const reviewRoute = createRoute({
  method: 'post',
  path: `${path}/{id}/review`,
  ...common,
  summary: 'Decide on a payment that does not match its quote',
  request: { params: purchaseParams, body: { ...json(reviewInput), required: true } },
  responses: {
    202: { description: 'Decided; coins or money follow', ...json(wholeSchema) },
    ...missing,
    400: problemAnswer('malformed_request'),
    409: problemAnswer('payment_state: it is not in review, or nothing is left of the payment'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

function toPurchase({ createdAt, updatedAt, ...purchase }: PurchaseView): z.infer<typeof purchaseSchema> {
  return { ...purchase, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

export interface WholePurchase extends PurchaseView {
  refunds: RefundView[];
  disputes: DisputeView[];
}

function toWhole({ refunds, disputes, ...purchase }: WholePurchase): z.infer<typeof wholeSchema> {
  const dated = <Row extends { createdAt: Date }>(row: Row) => {
    return { ...row, createdAt: row.createdAt.toISOString() };
  };
  return { ...toPurchase(purchase), refunds: refunds.map(dated), disputes: disputes.map(dated) };
}

/** A page of a tenant's purchases. @throws Problem tenant_not_found */
export async function readPurchases(
  deps: ApiDeps,
  slug: string,
  { cursor: after, limit, status, walletId }: z.infer<typeof purchaseQuery>,
) {
  const tenant = await requireTenantRow(deps, slug);
  const filter = { status, walletId, after, limit: limit + 1 };
  return toPage(await withTenant(deps.db.app, tenant.slug, (tx) => listPurchaseViews(tx, filter)), limit);
}

/** A purchase with all that became of its money. @throws Problem tenant_not_found, not_found */
export async function requirePurchase(deps: ApiDeps, slug: string, id: string): Promise<WholePurchase> {
  const tenant = await requireTenantRow(deps, slug);
  const none = new Problem('not_found', { detail: 'The tenant has no such purchase.' });
  if (!isId(id)) throw none;
  return withTenant(
    deps.db.app,
    tenant.slug,
    async (tx) => {
      const purchase = await findPurchaseView(tx, id);
      if (!purchase) throw none;
      const refunds = await listRefundViews(tx, id);
      return { ...purchase, refunds, disputes: await listDisputeViews(tx, id) };
    },
    'snapshot',
  );
}

export function purchaseRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(listRoute, async (c) => {
    const page = await readPurchases(deps, c.req.param('slug'), c.req.valid('query'));
    return c.json({ ...page, data: page.data.map(toPurchase) }, 200);
  });
  app.openapi(showRoute, async (c) => {
    const { slug, id } = c.req.valid('param');
    return c.json(toWhole(await requirePurchase(deps, slug, id)), 200);
  });
  app.openapi(reviewRoute, async (c) => {
    const { slug, id } = c.req.valid('param');
    const { decision } = c.req.valid('json');
    await decideReview(deps, { slug, id, decision, actor: operatorName(c, deps) });
    return c.json(toWhole(await requirePurchase(deps, slug, id)), 202);
  });
  return app;
}
