// The hosted page of a session: what a payer sees at Stripe, with the buttons that a test or a newcomer needs.
import type { EmulatorAnswer, EmulatorRequest } from '../kit/emulator-server.ts';
import { renderHostedPage } from '../kit/hosted-page.ts';
import { cancel, decline, pay, payAsync } from './payments.ts';
import type { StripeAccount, StripeWorld } from './stripe-world.ts';

const pagePath = /^\/c\/pay\/(cs_[a-zA-Z0-9_]+)$/;

/** Answers for addresses of the page; undefined for all others. */
export function answerPage(world: StripeWorld, request: EmulatorRequest): EmulatorAnswer | undefined {
  const [, sessionId] = pagePath.exec(request.path) ?? [];
  if (sessionId === undefined) return undefined;
  const account = world.accounts.values().find(({ sessions }) => sessions.has(sessionId));
  const session = account?.sessions.get(sessionId);
  if (account === undefined || session === undefined) {
    return page(404, { title: 'Nothing here', lines: ['There is no such checkout.'] });
  }
  if (session.status !== 'open') return endedPage(account, sessionId);
  return request.method === 'POST'
    ? choose(world, account, sessionId, request.body)
    : openPage(account, sessionId);
}

function choose(world: StripeWorld, account: StripeAccount, sessionId: string, body: string): EmulatorAnswer {
  const choice = new URLSearchParams(body).get('choice');
  const session = account.sessions.get(sessionId);
  if (choice === 'decline') {
    decline(world, sessionId);
    return openPage(account, sessionId, 'Your card was declined. You can try again.');
  }
  if (choice === 'cancel') return redirect(cancel(world, sessionId)) ?? openPage(account, sessionId);
  if (choice === 'pay') pay(world, sessionId);
  else if (choice === 'pay_later') payAsync(world, sessionId);
  else return openPage(account, sessionId);
  const back = session?.success_url?.replaceAll('{CHECKOUT_SESSION_ID}', sessionId);
  return redirect(back) ?? endedPage(account, sessionId);
}

function openPage(account: StripeAccount, sessionId: string, notice?: string): EmulatorAnswer {
  const session = account.sessions.get(sessionId);
  const items = account.lineItems.get(sessionId) ?? [];
  const buttons = [
    { label: 'Pay', value: 'pay' },
    { label: 'Decline', value: 'decline' },
    { label: 'Pay by bank debit', value: 'pay_later' },
  ];
  if (session?.cancel_url) buttons.push({ label: 'Back to the shop', value: 'cancel' });
  return page(200, {
    title: notice ?? 'Checkout (no real money)',
    lines: [
      ...items.map(({ description, quantity }) => `${quantity} × ${description}`),
      // Written in minor units: how many decimals a currency has is not this page's to know.
      `To pay: ${session?.amount_total} (minor units) ${session?.currency?.toUpperCase()}`,
    ],
    action: `/c/pay/${sessionId}`,
    buttons,
  });
}

function endedPage(account: StripeAccount, sessionId: string): EmulatorAnswer {
  const paid = account.sessions.get(sessionId)?.status === 'complete';
  return page(200, {
    title: paid ? 'All done here' : 'This checkout has expired',
    lines: [paid ? 'This checkout is complete.' : 'Start again from the shop.'],
  });
}

function page(status: number, content: Parameters<typeof renderHostedPage>[0]): EmulatorAnswer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: renderHostedPage(content),
  };
}

function redirect(location: string | null | undefined): EmulatorAnswer | undefined {
  return location ? { status: 303, headers: { location }, body: '' } : undefined;
}
