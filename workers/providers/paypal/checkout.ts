// Opens a checkout as a PayPal order, and takes the money of one that its payer approved.
import { createHash } from 'node:crypto';
import type { CheckoutAnswer, CheckoutRequest } from '../provider.ts';
import { ProviderUnavailable } from '../unavailable.ts';
import { orderCreated } from './answers.ts';
import { type Api, isKeyTaken, name, understand } from './api.ts';
import { pathOf } from './ids.ts';
import { moneyBody, UnpayableAmount } from './money.ts';
import { writeCustomId } from './picture.ts';

/** Orders v2: longest custom_id, and longest description (in ASCII; other signs count for more). */
const textMax = 127;

interface CheckoutPlace {
  tenant: string;
  /** Where a payer goes who was given no address to return to. */
  homeUrl: string;
  now: number;
}

/**
 * PayPal keeps the key of an order for 6 hours: asked again later, this makes a second order for the same
 * purchase. That is harmless: an order that nobody approved moves no money, coins follow only the checkout
 * that was stored, and both carry one invoice id, which PayPal takes one payment for.
 */
export async function openCheckout(
  api: Api,
  request: CheckoutRequest,
  { tenant, homeUrl, now }: CheckoutPlace,
): Promise<CheckoutAnswer> {
  const { purchaseId, lifetimeSeconds } = request;
  const customId = writeCustomId(tenant, purchaseId);
  if (customId.length > textMax)
    return { status: 'refused', detail: 'the purchase id is too long for PayPal' };
  let body: string;
  try {
    body = JSON.stringify(orderBody(request, customId, homeUrl));
  } catch (error) {
    if (error instanceof UnpayableAmount) return { status: 'refused', detail: error.message };
    throw error;
  }
  const path = '/v2/checkout/orders';
  const requestId = `order-${purchaseId}`;
  let reply = await api.send({ method: 'POST', path, requestId, body });
  if (isKeyTaken(reply)) {
    // The first try had other words, as when a pack was renamed since; a second order does no harm.
    const digest = createHash('sha256').update(body).digest('hex').slice(0, 16);
    reply = await api.send({ method: 'POST', path, requestId: `${requestId}-${digest}`, body });
  }
  if (reply.status === 400 || reply.status === 422) return { status: 'refused', detail: reply.words };
  const { id, links } = understand(orderCreated, reply, `POST ${path}`);
  // Named "payer-action" where the way of paying was given, as it is here; "approve" otherwise.
  const url = links.find(({ rel }) => rel === 'payer-action' || rel === 'approve')?.href;
  if (pathOf('order', id) === undefined) throw new ProviderUnavailable(name, 'gave an order an odd id');
  if (!/^https?:$/.test(URL.parse(url ?? '')?.protocol ?? '') || url === undefined) {
    throw new ProviderUnavailable(name, `gave no address for the payer of order ${id}`);
  }
  return { status: 'opened', ref: id, url, expiresAt: new Date(now + lifetimeSeconds * 1000) };
}

function orderBody(request: CheckoutRequest, customId: string, homeUrl: string) {
  const { purchaseId, amount, currency, description, returnUrl } = request;
  const backTo = returnUrl ?? homeUrl;
  return {
    intent: 'CAPTURE',
    purchase_units: [
      {
        reference_id: purchaseId,
        custom_id: customId,
        invoice_id: purchaseId,
        description: shorten(description),
        amount: moneyBody(amount, currency),
      },
    ],
    payment_source: {
      paypal: {
        experience_context: {
          return_url: backTo,
          cancel_url: backTo,
          user_action: 'PAY_NOW',
          shipping_preference: 'NO_SHIPPING',
        },
      },
    },
  };
}

/** Cut by bytes, since that is how PayPal seems to count, and never through a sign. */
function shorten(text: string): string {
  let short = '';
  for (const sign of text) {
    if (Buffer.byteLength(short + sign) > textMax) break;
    short += sign;
  }
  return short;
}

/**
 * Asks for the money of an approved order. Undefined: it was asked for, now or before (an order is captured
 * once, whoever asks: ORDER_ALREADY_CAPTURED is success). Otherwise PayPal's words for why not; the look
 * afterwards then shows the order `open` again or still `approved`, and the payer may choose other means
 * until the purchase's time is over.
 * @throws ProviderUnavailable also when another call is capturing at this moment.
 */
export async function captureOrder(
  api: Api,
  { purchaseId, checkoutRef }: { purchaseId: string; checkoutRef: string },
): Promise<string | undefined> {
  const path = pathOf('order', checkoutRef);
  if (path === undefined) return 'there is no such order';
  const reply = await api.send({
    method: 'POST',
    path: `${path}/capture`,
    requestId: `capture-${purchaseId}`,
    body: '{}',
  });
  if (reply.issues.length === 0 || reply.issues.includes('ORDER_ALREADY_CAPTURED')) return undefined;
  if (reply.status === 400) throw new ProviderUnavailable(name, `refused to capture: ${reply.words}`);
  return reply.words;
}
