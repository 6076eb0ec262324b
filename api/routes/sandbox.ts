// The sandbox provider's doors: its API for our workers, and the checkout for payers and scripts. Never in production.
import { timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';
import { findSandboxDispute, findSandboxRefund, type SandboxPayment } from '#shared/db/sandbox.ts';
import { sandboxBearer } from '#shared/tenants/sandbox-account.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { inputProblem } from '../errors.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { createSandboxNetwork, type SandboxNetwork } from '../sandbox/network.ts';
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

export function sandboxRoutes(deps: ApiDeps) {
  const router = createRouter();
  const webhooks = startSandboxWebhooks(deps);
  const network = createSandboxNetwork(deps.db, webhooks.kick);
  router.route('/', accountRoutes(deps, network));
  router.route('/', sandboxCheckoutRoutes(deps, network));
  return router;
}

/** What a merchant's server may ask; not part of the public document, as no card network's API would be. */
function accountRoutes(deps: ApiDeps, network: SandboxNetwork) {
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
    return c.json(showCheckout(deps, payment), 201);
  });

  router.get('/sandbox/v1/checkouts/:ref', async (c) => {
    const payment = await network.look(c.req.param('ref'));
    if (payment.tenant !== c.get('tenant').slug) throw new Problem('not_found');
    return c.json(showCheckout(deps, payment));
  });

  router.post('/sandbox/v1/refunds', async (c) => {
    const { amount, currency, paymentRef } = await readInput(c, refundInput);
    const tenant = c.get('tenant').slug;
    const order = { tenant, paymentRef, amount, currency, idempotencyKey: idempotencyKeyOf(c) };
    return c.json(showRefund(await network.refund(order)), 201);
  });

  router.get('/sandbox/v1/refunds/:ref', async (c) => {
    const refund = await findSandboxRefund(app, c.get('tenant').slug, { ref: c.req.param('ref') });
    if (!refund) throw new Problem('not_found');
    return c.json(showRefund(refund));
  });

  router.get('/sandbox/v1/disputes/:ref', async (c) => {
    const tenant = c.get('tenant').slug;
    const dispute = await findSandboxDispute(app, tenant, c.req.param('ref'));
    if (!dispute) throw new Problem('not_found');
    const { purchaseId, ...shown } = dispute;
    return c.json({ ...shown, metadata: { tenant, purchaseId } });
  });
  return router;
}

function showCheckout({ config }: ApiDeps, payment: SandboxPayment) {
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
  };
}

function showRefund({
  ref,
  paymentRef,
  amount,
  currency,
}: {
  ref: string;
  paymentRef: string;
  amount: number;
  currency: string;
}) {
  return { ref, status: 'succeeded', paymentRef, amount, currency };
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
