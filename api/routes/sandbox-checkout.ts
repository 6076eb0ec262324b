// The sandbox's checkout: a page for payers, and the same actions as plain requests for scripts.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { SandboxPayment } from '#shared/db/sandbox.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { inputProblem } from '../errors.ts';
import { limitBody } from '../middleware/body.ts';
import { renderNotice } from '../pages/layout.ts';
import { type CheckoutView, renderCheckout } from '../pages/sandbox-checkout.ts';
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

interface Action {
  summary: string;
  /** What the payment is afterwards, in one word. */
  status: (payment: SandboxPayment) => string;
  act(network: SandboxNetwork, ref: string, body: unknown): Promise<SandboxPayment>;
}

const statuses = ['paid', 'declined', 'disputed', 'won', 'lost', 'refunded'] as const;

const card = z.strictObject({ card: z.enum(['normal', 'no-refunds', 'declines-later']).default('normal') });
// The form's choice of card comes along and means nothing.
const anyCard = z.strictObject({ card: z.string().optional() });
const someMoney = z.strictObject({ amount: z.coerce.number().int().min(1).optional() });
const nothing = z.strictObject({});

/** By their place below the checkout's address. */
const actions: Record<string, Action> = {
  pay: {
    summary: 'Pay as the payer',
    status: ({ status }) => status,
    act: (network, ref, body) => network.pay(ref, parse(card, body).card),
  },
  decline: {
    summary: 'Decline as the payer',
    status: ({ status }) => status,
    act: async (network, ref, body) => parse(anyCard, body) && network.decline(ref),
  },
  dispute: {
    summary: "Dispute a payment as the payer's bank, which takes the money back at once",
    status: () => 'disputed',
    act: (network, ref, body) => network.dispute(ref, parse(someMoney, body).amount),
  },
  'dispute/win': {
    summary: 'Decide a dispute for the merchant, and give the money back to them',
    status: () => 'won',
    act: (network, ref, body) => network.winDispute(ref, parse(someMoney, body).amount),
  },
  'dispute/lose': {
    summary: 'Decide a dispute for the payer, who keeps the money',
    status: () => 'lost',
    act: async (network, ref, body) => parse(nothing, body) && network.loseDispute(ref),
  },
  refund: {
    summary: 'Refund a payment by hand at the provider, past Coinlane',
    status: () => 'refunded',
    act: (network, ref, body) => network.refundByHand(ref, parse(someMoney, body).amount),
  },
};

/** From an action's address to the folder of the checkouts: relative, to work below any path of a proxy. */
const folderAbove = (name: string) => '../'.repeat(name.split('/').length);

function actionRoute(name: string, { summary }: Action) {
  return createRoute({
    method: 'post',
    path: `/sandbox/checkout/{ref}/${name}`,
    tags: ['Sandbox'],
    summary,
    description:
      'May be repeated, except for a refund. A browser that sends a form is led back to the page; anybody ' +
      'else gets JSON. The body may be empty; `pay` takes `card` ("no-refunds" refuses every refund, ' +
      '"declines-later" every charge after this one); ' +
      '`dispute`, `dispute/win` and `refund` take `amount` in minor units, without it all that is left.',
    request: { params: ref },
    responses: {
      200: {
        description: 'What the payment is now',
        content: { 'application/json': { schema: z.object({ status: z.enum(statuses) }) } },
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
    const { ref } = c.req.valid('param');
    return (await showPage(c, deps, network, ref, { decided, status: 200, folder: '' })) as never;
  });

  for (const [name, action] of Object.entries(actions)) {
    const folder = folderAbove(name);
    // Only the payer, who has decided, goes back to the shop.
    const query = name === 'pay' || name === 'decline' ? '?decided' : '';
    router.openapi(actionRoute(name, action), async (c) => {
      const isBrowser = c.req.header('accept')?.includes('text/html') ?? false;
      const { ref } = c.req.valid('param');
      try {
        const payment = await action.act(network, ref, await readBody(c));
        if (isBrowser) return c.redirect(`${folder}${ref}${query}`, 303) as never;
        return c.json({ status: action.status(payment) }, 200) as never;
      } catch (error) {
        const isState =
          error instanceof Problem && (error.code === 'payment_state' || error.code === 'not_found');
        if (!isBrowser || !isState) throw error;
        return (await showPage(c, deps, network, ref, { decided: false, status: 409, folder })) as never;
      }
    });
  }
  return router;
}

async function showPage(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  network: SandboxNetwork,
  ref: string,
  view: Pick<CheckoutView, 'decided' | 'status' | 'folder'>,
): Promise<Response> {
  try {
    const picture = await network.look({ ref });
    const tenant = await deps.tenants.find(picture.payment.tenant);
    return await renderCheckout(c, { ...picture, merchant: tenant?.name ?? picture.payment.tenant, ...view });
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
