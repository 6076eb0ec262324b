// The sandbox provider's doors: its API for our workers, and the checkout for payers and scripts. Never in production.
import { timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';
import {
  findSandboxDispute,
  findSandboxRefund,
  listSandboxChanges,
  type SandboxDispute,
  type SandboxRefund,
} from '#shared/db/sandbox-money.ts';
import { sandboxBearer } from '#shared/tenants/sandbox-account.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { inputProblem } from '../errors.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { methodOf } from '../sandbox/cards.ts';
import { createSandboxNetwork, type SandboxNetwork, type SandboxPicture } from '../sandbox/network.ts';
import { lookUpPayout, orderPayout, showPayout } from '../sandbox/payouts.ts';
import { idempotencyKeyOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import { sandboxCheckoutRoutes } from './sandbox-checkout.ts';
import { startSandboxWebhooks } from './sandbox-webhooks.ts';

const money = { amount: z.int().min(1), currency: z.string().regex(/^[a-z]{3}$/) };

const checkoutInput = z.strictObject({
  ...money,
  description: z.string().min(1).max(200),
  returnUrl: z.string().max(2000).nullable(),
  lifetimeSeconds: z.int().min(1).max(86_400),
  metadata: z.strictObject({ purchaseId: z.uuid() }),
});

const refundInput = z.strictObject({
  ...money,
  paymentRef: z.string().min(1).max(100),
  metadata: z.strictObject({ refundId: z.uuid() }),
});

const chargeInput = z.strictObject({
  ...money,
  methodRef: z.string().min(1).max(100),
  metadata: z.strictObject({ purchaseId: z.uuid() }),
});

const payoutInput = z.strictObject({
  ...money,
  destination: z.string().min(1).max(255),
  metadata: z.strictObject({ payoutId: z.uuid() }),
});

/** `after` and `afterRef` name the last change that the page before held. */
const changesInput = z.strictObject({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  after: z.iso.datetime({ precision: 6 }).optional(),
  afterRef: z.string().max(100).default(''),
  limit: z.coerce.number().int().min(1).max(100).default(100),
});

export function sandboxRoutes(deps: ApiDeps) {
  const router = createRouter();
  const webhooks = startSandboxWebhooks(deps);
  const network = createSandboxNetwork(deps.db, webhooks.kick);
  router.route('/', accountRoutes(deps, network, webhooks.kick));
  router.route('/', sandboxCheckoutRoutes(deps, network));
  return router;
}

/** What a merchant's server may ask; not part of the public document, as no card network's API would be. */
function accountRoutes(deps: ApiDeps, network: SandboxNetwork, kick: () => void) {
  const router = createRouter();
  const { app } = deps.db;
  router.use('/sandbox/v1/*', limitBody, requireJson, requireAccount(deps));

  router.post('/sandbox/v1/checkouts', async (c) => {
    const { metadata, ...input } = await readInput(c, checkoutInput);
    const payment = await network.open({
      ...input,
      ...metadata,
      tenant: c.get('tenant').slug,
      idempotencyKey: idempotencyKeyOf(c),
    });
    return c.json(showCheckout(deps, { payment, refunds: [], disputes: [] }), 201);
  });

  router.post('/sandbox/v1/charges', async (c) => {
    const { metadata, ...input } = await readInput(c, chargeInput);
    const tenant = c.get('tenant').slug;
    const order = { ...input, ...metadata, tenant, idempotencyKey: idempotencyKeyOf(c) };
    const payment = await network.charge(order);
    return c.json(showCheckout(deps, { payment, refunds: [], disputes: [] }), 201);
  });

  router.get('/sandbox/v1/checkouts/:ref', async (c) => {
    const picture = await network.look({ ref: c.req.param('ref') });
    if (picture.payment.tenant !== c.get('tenant').slug) throw new Problem('not_found');
    return c.json(showCheckout(deps, picture));
  });

  // A payment is a checkout that was paid, so it is shown as one.
  router.get('/sandbox/v1/payments/:ref', async (c) => {
    const picture = await network.look({ paymentRef: c.req.param('ref') });
    if (picture.payment.tenant !== c.get('tenant').slug) throw new Problem('not_found');
    return c.json(showCheckout(deps, picture));
  });

  router.post('/sandbox/v1/refunds', async (c) => {
    const { metadata, ...input } = await readInput(c, refundInput);
    const tenant = c.get('tenant').slug;
    const order = { ...input, ...metadata, tenant, idempotencyKey: idempotencyKeyOf(c) };
    return c.json(showRefund(await network.refund(order)), 201);
  });

  router.get('/sandbox/v1/refunds/:ref', async (c) => {
    const refund = await findSandboxRefund(app, c.get('tenant').slug, { ref: c.req.param('ref') });
    if (!refund) throw new Problem('not_found');
    return c.json(showRefund(refund));
  });

  router.post('/sandbox/v1/payouts', async (c) => {
    const { metadata, ...input } = await readInput(c, payoutInput);
    const order = { ...input, ...metadata };
    return c.json(showPayout(await orderPayout({ db: deps.db, kick }, c.get('tenant').slug, order)), 201);
  });

  router.get('/sandbox/v1/payouts/:id', async (c) => {
    const id = z.uuid().safeParse(c.req.param('id'));
    if (!id.success) throw new Problem('not_found');
    return c.json(showPayout(await lookUpPayout(deps, c.get('tenant').slug, id.data)));
  });

  router.get('/sandbox/v1/disputes/:ref', async (c) => {
    const tenant = c.get('tenant').slug;
    const dispute = await findSandboxDispute(app, tenant, c.req.param('ref'));
    if (!dispute) throw new Problem('not_found');
    return c.json(showDispute(dispute, tenant));
  });

  router.get('/sandbox/v1/changes', async (c) => {
    const parsed = changesInput.safeParse(c.req.query());
    if (!parsed.success) throw inputProblem(parsed.error, 'query');
    const { from, to, after, afterRef, limit } = parsed.data;
    // One more than is asked for, to know whether there is more.
    const changes = await listSandboxChanges(app, c.get('tenant').slug, {
      from: new Date(from),
      to: new Date(to),
      after: after === undefined ? null : { changedAt: after, ref: afterRef },
      limit: limit + 1,
    });
    return c.json({ data: changes.slice(0, limit), hasMore: changes.length > limit });
  });
  return router;
}

function showCheckout({ config }: ApiDeps, { payment, refunds, disputes }: SandboxPicture) {
  const { ref, status, paymentRef, tenant, purchaseId, amount, currency, expiresAt } = payment;
  return {
    ref,
    url: `${config.publicUrl}/sandbox/checkout/${ref}`,
    status,
    paymentRef,
    metadata: { tenant, purchaseId },
    amount,
    currency,
    expiresAt: expiresAt.toISOString(),
    refunds: refunds.map(showRefund),
    disputes: disputes.map((dispute) => showDispute(dispute, tenant)),
    method: methodOf(payment),
  };
}

function showRefund({ ref, checkoutRef, paymentRef, refundId, amount, currency }: SandboxRefund) {
  const metadata = { refundId };
  return { ref, status: 'succeeded', checkoutRef, paymentRef, metadata, amount, currency };
}

/** `withdrawn` is what the bank holds of it now, in minor units. */
function showDispute({ purchaseId, reinstated, ...dispute }: SandboxDispute, tenant: string) {
  const withdrawn = dispute.amount - reinstated;
  return { ...dispute, withdrawn, reason: 'unrecognized', metadata: { tenant, purchaseId } };
}

/** The tenant comes from the secret that only our own processes can derive. */
function requireAccount(deps: ApiDeps) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const given = c.req.header('authorization') ?? '';
    const slug = /^Bearer sbx_([a-z][a-z0-9-]{1,30})_[\w-]+$/.exec(given)?.[1];
    if (slug === undefined) throw new Problem('unauthenticated');
    const right = Buffer.from(`Bearer ${sandboxBearer(deps.keyring, slug)}`);
    const bytes = Buffer.from(given);
    if (bytes.length !== right.length || !timingSafeEqual(bytes, right)) throw new Problem('unauthenticated');
    const tenant = await deps.tenants.find(slug);
    if (!tenant) throw new Problem('unauthenticated');
    c.set('tenant', tenant);
    await next();
  });
}

async function readInput<T>(c: Context<ApiEnv>, schema: z.ZodType<T>): Promise<T> {
  const body = await c.req.json().catch((cause: unknown) => {
    throw new Problem('malformed_request', { cause });
  });
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw inputProblem(parsed.error, 'json');
  return parsed.data;
}
