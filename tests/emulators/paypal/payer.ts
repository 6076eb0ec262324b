// The payer's part: the page that PayPal shows, and the same choices for scripts.
import type { EmulatorAnswer, EmulatorRequest } from '../kit/emulator-server.ts';
import { type HostedPage, renderHostedPage } from '../kit/hosted-page.ts';
import { announceOrder } from './money-moves.ts';
import { priceOf } from './orders.ts';
import { type CapturePlan, mustFind, newAccountId, type Order, type World } from './world.ts';

export interface Approval {
  /** What the capture call will find: completed when left out. */
  capture?: CapturePlan;
  /** Why a pending capture is pending: ECHECK when left out. */
  reason?: 'ECHECK' | 'PENDING_REVIEW' | 'UNILATERAL' | 'RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION';
}

export interface PayerActions {
  /** Approves, and gives the address that the payer is sent back to. Throws unless the order waits for it. */
  approve(orderId: string, approval?: Approval): string | undefined;
  /** Leaves without approving: nothing changes, no event comes. Gives the address to go back to. */
  cancel(orderId: string): string | undefined;
  /** Ids of all orders of a merchant's account that could still be approved. */
  waiting(clientId: string): string[];
}

const waitsForPayer = (order: Order) => order.status === order.waiting && !order.expired;

function approve(world: World, order: Order, approval: Approval = {}): string | undefined {
  if (!waitsForPayer(order)) throw new Error(`order ${order.id} is ${order.status}`);
  order.payer ??= {
    payerId: newAccountId(),
    email: 'payer@personal.example.com',
    givenName: 'José',
    surname: 'Doe',
    countryCode: 'US',
  };
  order.plan = approval.capture ?? 'completed';
  order.pendingReason = approval.reason ?? 'ECHECK';
  order.status = 'APPROVED';
  order.updatedAt = new Date();
  announceOrder(world, order, 'CHECKOUT.ORDER.APPROVED', 'An order has been approved by buyer');
  return wayBack(order.returnUrl, { token: order.id, PayerID: order.payer.payerId });
}

const leave = (order: Order) => wayBack(order.cancelUrl, { token: order.id });

function wayBack(address: string | undefined, additions: Record<string, string>): string | undefined {
  if (address === undefined) return undefined;
  const url = new URL(address);
  for (const [name, value] of Object.entries(additions)) url.searchParams.set(name, value);
  return url.href;
}

export function createPayerActions(world: World): PayerActions {
  return {
    approve: (orderId, approval) => approve(world, mustFind(world, 'orders', orderId), approval),
    cancel: (orderId) => leave(mustFind(world, 'orders', orderId)),
    waiting(clientId) {
      const orders = [...(world.accounts.get(clientId)?.orders.values() ?? [])];
      return orders.filter(waitsForPayer).map(({ id }) => id);
    },
  };
}

function page(status: number, content: HostedPage): EmulatorAnswer {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
  return { status, headers, body: renderHostedPage(content) };
}

function findOrder(world: World, id: string): Order | undefined {
  for (const { orders } of world.accounts.values()) {
    const order = orders.get(id);
    if (order !== undefined) return order;
  }
  return undefined;
}

/** GET and POST /checkoutnow?token=… */
export function answerPayer(world: World, request: EmulatorRequest): EmulatorAnswer {
  const order = findOrder(world, request.query.get('token') ?? '');
  if (order === undefined || !waitsForPayer(order)) {
    const lines = ['This payment was approved already, or its time is over.'];
    return page(order === undefined ? 404 : 409, { title: 'Nothing to pay', lines });
  }
  if (request.method !== 'POST') {
    return page(200, {
      title: `Pay ${priceOf(order)}`,
      lines: [order.description ?? 'Your order', 'This is an emulated PayPal: no money moves.'],
      action: `/checkoutnow?token=${order.id}`,
      buttons: [
        { label: 'Pay', value: 'pay' },
        { label: 'Pay by eCheck (stays pending)', value: 'pending' },
        { label: 'Cancel', value: 'cancel' },
      ],
    });
  }
  const choice = new URLSearchParams(request.body).get('choice');
  if (choice !== 'pay' && choice !== 'pending' && choice !== 'cancel') {
    return page(400, { title: 'Nothing was chosen', lines: ['Choose to pay or to cancel.'] });
  }
  const location =
    choice === 'cancel'
      ? leave(order)
      : approve(world, order, { capture: choice === 'pay' ? 'completed' : 'pending' });
  if (location === undefined) {
    return page(200, { title: 'Thank you', lines: ['You can close this page.'] });
  }
  return { status: 303, headers: { location }, body: '' };
}
