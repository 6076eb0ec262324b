// The sandbox's checkout: a page for payers, and the same three actions as plain requests for scripts.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { SandboxPayment } from '#shared/db/sandbox.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { inputProblem } from '../errors.ts';
import { limitBody } from '../middleware/body.ts';
import { renderNotice } from '../pages/layout.ts';
import { renderCheckout } from '../pages/sandbox-checkout.ts';
import type { SandboxNetwork } from '../sandbox/network.ts';
import { createRouter } from './router.ts';
import { problemAnswer } from './schemas.ts';

const ref = z.object({ ref: z.string().min(1).max(100) });

const pageRoute = createRoute({
  method: 'get',
  path: '/sandbox/checkout/{ref}',
  tags: ['Sandbox'],
  summary: 'The checkout page of the sandbox provider',
  request: { params: ref },
  responses: {
    200: { description: 'A page with "Pay" and "Decline"', content: { 'text/html': { schema: z.string() } } },
    404: { description: 'A page that says so', content: { 'text/html': { schema: z.string() } } },
  },
});

const actions = {
  pay: {
    summary: 'Pay as the payer',
    input: z.strictObject({ card: z.enum(['normal', 'no-refunds']).default('normal') }),
  },
  decline: { summary: 'Decline as the payer', input: z.strictObject({ card: z.string().optional() }) },
  dispute: {
    summary: "Dispute a payment as the payer's bank",
    input: z.strictObject({ amount: z.coerce.number().int().min(1).optional() }),
  },
} as const;
type Action = keyof typeof actions;

function actionRoute(action: Action) {
  return createRoute({
    method: 'post',
    path: `/sandbox/checkout/{ref}/${action}`,
    tags: ['Sandbox'],
    summary: actions[action].summary,
    description:
      'May be repeated. A browser that sends a form is led back to the page; anybody else gets JSON. The ' +
      'body may be empty; `pay` takes `card` ("no-refunds" refuses every refund), `dispute` takes `amount`.',
    request: { params: ref },
    responses: {
      200: {
        description: 'What the payment is now',
        content: {
          'application/json': { schema: z.object({ status: z.enum(['paid', 'declined', 'disputed']) }) },
        },
      },
      303: { description: 'To a browser: back to the page' },
      404: problemAnswer('not_found'),
      409: problemAnswer('payment_state'),
      422: problemAnswer('invalid_input'),
    },
  });
}

export function sandboxCheckoutRoutes(deps: ApiDeps, network: SandboxNetwork) {
  const router = createRouter();
  router.use('/sandbox/checkout/*', limitBody);

  router.openapi(pageRoute, async (c) => {
    const decided = c.req.query('decided') !== undefined;
    return (await showPage(c, deps, network, c.req.valid('param').ref, { decided, status: 200 })) as never;
  });

  for (const action of Object.keys(actions) as Action[]) {
    router.openapi(actionRoute(action), async (c) => {
      const isBrowser = c.req.header('accept')?.includes('text/html') ?? false;
      const { ref } = c.req.valid('param');
      try {
        const payment = await act(network, action, ref, await readBody(c));
        // Relative, so that it works below any path of a proxy.
        if (isBrowser) return c.redirect(`../${ref}${action === 'dispute' ? '' : '?decided'}`, 303) as never;
        return c.json({ status: statusAfter(action, payment) }, 200) as never;
      } catch (error) {
        const isState =
          error instanceof Problem && (error.code === 'payment_state' || error.code === 'not_found');
        if (!isBrowser || !isState) throw error;
        return (await showPage(c, deps, network, ref, { decided: false, status: 409 })) as never;
      }
    });
  }
  return router;
}

function act(network: SandboxNetwork, action: Action, ref: string, body: unknown): Promise<SandboxPayment> {
  if (action === 'pay') return network.pay(ref, parse(actions.pay.input, body).card);
  if (action === 'dispute') return network.dispute(ref, parse(actions.dispute.input, body).amount);
  // The form's choice of card comes along and means nothing.
  parse(actions.decline.input, body);
  return network.decline(ref);
}

function statusAfter(action: Action, { status }: SandboxPayment): string {
  return action === 'dispute' ? 'disputed' : status;
}

async function showPage(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  network: SandboxNetwork,
  ref: string,
  view: { decided: boolean; status: 200 | 409 },
): Promise<Response> {
  try {
    const payment = await network.look(ref);
    const tenant = await deps.tenants.find(payment.tenant);
    return await renderCheckout(c, { payment, merchant: tenant?.name ?? payment.tenant, ...view });
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'not_found')) throw error;
    return renderNotice(c, 404, 'No such checkout', 'This address does not belong to a payment.');
  }
}

/** A form's fields or a JSON object; nothing counts as an empty one. @throws Problem malformed_request. */
async function readBody(c: Context<ApiEnv>): Promise<unknown> {
  const text = await c.req.text();
  if (text === '') return {};
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(text));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem('malformed_request', { detail: 'Send a form, a JSON object, or nothing.', cause });
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw inputProblem(parsed.error, 'json');
  return parsed.data;
}
