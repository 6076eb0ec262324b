// Follows a hint to its orders at PayPal and fetches all that belongs to each of them.

import type { z } from 'zod';
import type { ProviderHint, ProviderPayment } from '../provider.ts';
import { ProviderUnavailable } from '../unavailable.ts';
import {
  type Capture,
  capture as captureForm,
  type Dispute,
  dispute as disputeForm,
  disputeList,
  type Order,
  order as orderForm,
  type Refund,
  refund as refundForm,
} from './answers.ts';
import { type Api, NotPermitted, name } from './api.ts';
import { idInLinks, type Kind, pathOf } from './ids.ts';
import { hasMoney, paint } from './picture.ts';

/** Pages of 50 disputes about one payment, or transactions of one dispute: a bound against endless loops. */
const pagesMax = 20;
const transactionsMax = 100;

/** What was fetched on the way to the order; it need not be fetched, or missed in a list, again. */
interface Trail {
  orderId: string;
  refund?: Refund;
  dispute?: Dispute;
}

/**
 * Empty: PayPal knows no such object of this tenant, or one that no checkout made. `onBlind` is told when
 * the tenant's app may not list disputes: its payments are looked at without them, since else nobody could
 * buy; a webhook about a dispute still fails until the feature is switched on.
 */
export async function lookAt(
  api: Api,
  hint: Exclude<ProviderHint, { about: 'nothing' }>,
  onBlind: (error: NotPermitted) => void,
): Promise<ProviderPayment[]> {
  const payments: ProviderPayment[] = [];
  for (const trail of await followHint(api, hint)) {
    const order = await findObject(api, 'order', trail.orderId, orderForm);
    if (order) payments.push(await completePicture(api, order, trail, onBlind));
  }
  return payments;
}

async function followHint(
  api: Api,
  { about, ref }: Exclude<ProviderHint, { about: 'nothing' }>,
): Promise<Trail[]> {
  if (about === 'checkout') return [{ orderId: ref }];
  if (about === 'payment') return (await trailOfCapture(api, ref)) ?? [];
  if (about === 'refund') return (await trailOfRefund(api, ref)) ?? [];
  const dispute = await findObject(api, 'dispute', ref, disputeForm);
  const captureIds = (dispute?.disputed_transactions ?? []).map((each) => each.seller_transaction_id ?? '');
  const trails = new Map<string, Trail>();
  for (const captureId of [...new Set(captureIds)].slice(0, transactionsMax)) {
    for (const trail of (await trailOfCapture(api, captureId)) ?? []) {
      trails.set(trail.orderId, { ...trail, dispute });
    }
  }
  return [...trails.values()];
}

async function trailOfCapture(api: Api, captureId: string): Promise<Trail[] | undefined> {
  const capture = await findObject(api, 'capture', captureId, captureForm);
  const orderId = capture && orderOf(capture);
  return orderId === undefined ? undefined : [{ orderId }];
}

async function trailOfRefund(api: Api, refundId: string): Promise<Trail[] | undefined> {
  const refund = await findObject(api, 'refund', refundId, refundForm);
  const captureId = refund && idInLinks(refund.links, 'capture');
  if (captureId === undefined) return undefined;
  return (await trailOfCapture(api, captureId))?.map((trail) => ({ ...trail, refund }));
}

export function orderOf({ supplementary_data, links }: Capture): string | undefined {
  return supplementary_data?.related_ids?.order_id ?? idInLinks(links, 'order');
}

/** Undefined: no object of this id; also for a text that can be none. */
export async function findObject<T>(
  api: Api,
  kind: Kind,
  id: string,
  form: z.ZodType<T>,
): Promise<T | undefined> {
  const path = pathOf(kind, id);
  return path === undefined ? undefined : api.find(path, form);
}

async function completePicture(
  api: Api,
  order: Order,
  { refund, dispute }: Trail,
  onBlind: (error: NotPermitted) => void,
): Promise<ProviderPayment> {
  const captures: Capture[] = [];
  for (const each of listPayments(order).captures) {
    captures.push('status' in each ? each : await readListed(api, 'capture', each.id, captureForm));
  }
  const refunds = await listRefunds(api, order);
  // Lists may lag behind: what the hint led to is part of the picture in any case.
  if (refund && !refunds.some(({ id }) => id === refund.id)) refunds.push(refund);
  const disputes = new Map<string, Dispute>(dispute && [[dispute.dispute_id, dispute]]);
  for (const { id } of captures.filter(hasMoney)) {
    for (const disputeId of await listDisputeIds(api, id, onBlind)) {
      if (disputes.has(disputeId)) continue;
      disputes.set(disputeId, await readListed(api, 'dispute', disputeId, disputeForm));
    }
  }
  return paint({ order, captures, refunds, disputes: [...disputes.values()] });
}

/** We make orders of one purchase unit. */
function listPayments(order: Order) {
  return order.purchase_units[0]?.payments ?? { captures: [], refunds: [] };
}

/** All refunds of an order, with the id that we gave to ours. */
export async function listRefunds(api: Api, order: Order): Promise<Refund[]> {
  const refunds: Refund[] = [];
  for (const each of listPayments(order).refunds) {
    // Lists may leave out the id of ours; one made by hand has none, and costs a request for it.
    const isWhole = 'status' in each && each.custom_id !== undefined;
    refunds.push(isWhole ? each : await readListed(api, 'refund', each.id, refundForm));
  }
  return refunds;
}

async function readListed<T>(api: Api, kind: Kind, id: string, form: z.ZodType<T>): Promise<T> {
  const found = await findObject(api, kind, id, form);
  if (found === undefined) throw new ProviderUnavailable(name, `lists a ${kind} that it does not know`);
  return found;
}

async function listDisputeIds(
  api: Api,
  captureId: string,
  onBlind: (error: NotPermitted) => void,
): Promise<string[]> {
  try {
    return await listDisputes(api, { disputed_transaction_id: captureId });
  } catch (error) {
    if (!(error instanceof NotPermitted)) throw error;
    onBlind(error);
    return [];
  }
}

/** The ids of all disputes that a filter of Disputes v1 finds. */
export async function listDisputes(api: Api, filter: Record<string, string>): Promise<string[]> {
  const ids: string[] = [];
  let search = `?${new URLSearchParams({ ...filter, page_size: '50' })}`;
  for (let page = 0; page < pagesMax; page += 1) {
    const list = await api.read(`/v1/customer/disputes${search}`, disputeList);
    ids.push(...list.items.map((item) => item.dispute_id));
    const next = nextPage(list.links);
    if (next === undefined || next === search) return ids;
    search = next;
  }
  throw new ProviderUnavailable(name, 'lists more disputes than can be');
}

/** Only the query of a link to the next page counts: calls go to the operator's address alone. */
function nextPage(links: { rel: string; href: string }[]): string | undefined {
  const href = links.find(({ rel }) => rel === 'next')?.href;
  return href === undefined ? undefined : URL.parse(href)?.search || undefined;
}
