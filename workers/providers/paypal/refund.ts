// Returns money at PayPal, once per refund of ours however often and however late it is asked for.
import type { RefundAnswer, RefundRequest } from '../provider.ts';
import { ProviderUnavailable } from '../unavailable.ts';
import { capture as captureForm, order as orderForm, refundMade } from './answers.ts';
import { type Api, isKeyTaken, name, understand } from './api.ts';
import { pathOf } from './ids.ts';
import { findObject, listRefunds, orderOf } from './look.ts';
import { moneyBody, UnpayableAmount } from './money.ts';
import { refundState } from './picture.ts';

/**
 * PayPal keeps the key of a refund for 45 days. Ours may be older, so what was done already is looked up
 * first, by our id in the refund's own fields.
 */
export async function refundPayment(api: Api, request: RefundRequest): Promise<RefundAnswer> {
  const { refundId, paymentRef, amount, currency } = request;
  const unknown: RefundAnswer = { status: 'refused', detail: 'PayPal knows no such payment' };
  const path = pathOf('capture', paymentRef);
  const capture = path === undefined ? undefined : await api.find(path, captureForm);
  if (path === undefined || capture === undefined) return unknown;
  const before = await findOurs(api, orderOf(capture), refundId);
  if (before) return before;
  let body: string;
  try {
    body = JSON.stringify({ amount: moneyBody(amount, currency), custom_id: refundId });
  } catch (error) {
    if (error instanceof UnpayableAmount) return { status: 'refused', detail: error.message };
    throw error;
  }
  const reply = await api.send({
    method: 'POST',
    path: `${path}/refund`,
    requestId: `refund-${refundId}`,
    body,
  });
  if (reply.status === 404) return unknown;
  // Money must not be told to stay while another refund under this id may have gone.
  if (isKeyTaken(reply)) throw new ProviderUnavailable(name, `knows the refund's key: ${reply.words}`);
  if (reply.issues.length > 0) return { status: 'refused', detail: reply.words };
  return answerOf(understand(refundMade, reply, 'POST a refund'));
}

async function findOurs(
  api: Api,
  orderId: string | undefined,
  refundId: string,
): Promise<RefundAnswer | undefined> {
  const order = orderId === undefined ? undefined : await findObject(api, 'order', orderId, orderForm);
  const refunds = order ? await listRefunds(api, order) : [];
  const ours = refunds.find(({ custom_id }) => custom_id === refundId);
  return ours && answerOf(ours);
}

function answerOf({
  id,
  status,
  status_details,
}: {
  id: string;
  status: string;
  status_details?: { reason?: string };
}): RefundAnswer {
  const state = refundState(status);
  if (state === 'done') return { status: 'returned', ref: id };
  if (state === 'pending') return { status: 'taken', ref: id };
  const reason = status_details?.reason;
  return { status: 'refused', ref: id, detail: `the refund is ${status}${reason ? `: ${reason}` : ''}` };
}
