// The sandbox's checkout, as a payer with a browser and a script without one meet it.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import { call } from '#tests/support/client.ts';
import type { System } from '#tests/support/system.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('sandbox-checkout');
  shop = await openShop(system);
});
afterAll(() => system?.close());

const browser = {
  accept: 'text/html,application/xhtml+xml',
  'content-type': 'application/x-www-form-urlencoded',
};

describe('a script', () => {
  let purchase: PurchaseRow;
  beforeEach(async () => {
    purchase = await shop.buy();
  });
  const act = (action: string, body?: unknown) =>
    call('POST', `${purchase.checkoutUrl}/${action}`, body === undefined ? {} : { body });

  test('pays, and paying again is the same payment', async () => {
    expect(await act('pay')).toMatchObject({ status: 200, body: { status: 'paid' } });
    expect(await act('pay')).toMatchObject({ status: 200, body: { status: 'paid' } });
    const events = await shop.sql<{ body: string }>(
      `select body from coinlane.sandbox_events where body like $1`,
      [`%${purchase.checkoutRef}%`],
    );
    expect(events).toHaveLength(1);
  });

  test('declines, and declining again is the same', async () => {
    expect(await act('decline')).toMatchObject({ status: 200, body: { status: 'declined' } });
    expect(await act('decline')).toMatchObject({ status: 200, body: { status: 'declined' } });
  });

  test('disputes what was paid, once', async () => {
    await act('pay');
    expect(await act('dispute')).toMatchObject({ status: 200, body: { status: 'disputed' } });
    expect(await act('dispute')).toMatchObject({ status: 200, body: { status: 'disputed' } });
    expect(await act('pay')).toMatchObject({ status: 200, body: { status: 'paid' } });
  });

  test.each([
    ['pay', 'decline'],
    ['decline', 'pay'],
    ['dispute', undefined],
    ['dispute/win', 'pay'],
    ['dispute/lose', 'pay'],
    ['refund', undefined],
  ])('cannot %s at the wrong time', async (action, before) => {
    if (before) await act(before);
    expect(await act(action)).toMatchObject({ status: 409, body: { code: 'payment_state' } });
  });

  test('cannot pay a checkout that has run out', async () => {
    await shop.sql(`update coinlane.sandbox_payments set expires_at = now() where ref = $1`, [
      purchase.checkoutRef,
    ]);
    expect(await act('pay')).toMatchObject({ status: 409, body: { code: 'payment_state' } });
    const [row] = await shop.sql<{ status: string }>(
      `select status from coinlane.sandbox_payments where ref = $1`,
      [purchase.checkoutRef],
    );
    expect(row).toEqual({ status: 'expired' });
  });

  test.each([
    ['pay', { card: 'gold' }, 422, 'invalid_input'],
    ['pay', { tip: 1 }, 422, 'invalid_input'],
    ['pay', 'not json', 400, 'malformed_request'],
    ['dispute', { amount: 0 }, 422, 'invalid_input'],
    ['dispute', { amount: 'much' }, 422, 'invalid_input'],
    ['dispute/win', { amount: 0 }, 422, 'invalid_input'],
    ['dispute/lose', { amount: 1 }, 422, 'invalid_input'],
    ['refund', { amount: 1.5 }, 422, 'invalid_input'],
    ['refund', 'not json', 400, 'malformed_request'],
  ])('that sends nonsense to %s is told so: %j', async (action, body, status, code) => {
    await act('pay');
    expect(await act(action, body)).toMatchObject({ status, body: { code } });
  });

  test('cannot act on a checkout that does not exist', async () => {
    const answer = await call('POST', `${system.url}/sandbox/checkout/sbx_nothing/pay`);
    expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  test('and a payer at the same moment cannot both decide', async () => {
    const answers = await Promise.all([act('pay'), act('decline'), act('pay'), act('decline')]);
    const statuses = new Set(answers.filter((each) => each.status === 200).map((each) => each.body.status));
    expect(statuses.size).toBe(1);
    expect(answers.some((each) => each.status === 409)).toBe(true);
  });
});

describe('a payer with a browser', () => {
  test('reads what is bought and for how much, and finds two buttons that work without scripts', async () => {
    const purchase = await shop.buy();
    const page = await call('GET', purchase.checkoutUrl!, { headers: { accept: browser.accept } });
    expect(page.status).toBe(200);
    expect(page.body).toContain('€0.99');
    expect(page.body).toContain('Starter: 100 × Coin');
    expect(page.body).toContain(`Tenant ${shop.tenant.slug}`);
    expect(page.body).toMatch(/<button[^>]*>Pay<\/button>/);
    expect(page.body).toMatch(/<button[^>]*>Decline<\/button>/);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.body).not.toMatch(/(?:src|href)="https?:/);
  });

  test('pays and is led to a page that returns to the shop', async () => {
    const returnUrl = 'https://game.example/shöp?from=coins&x="<b>';
    const purchase = await shop.buy({ pack: 'starter', returnUrl });
    const answer = await call('POST', `${purchase.checkoutUrl}/pay`, {
      headers: browser,
      body: 'card=normal',
    });
    expect(answer.status).toBe(303);
    const next = new URL(answer.headers.get('location')!, `${purchase.checkoutUrl}/pay`);
    const page = await call('GET', next.href);
    expect(page.status).toBe(200);
    expect(page.body).toContain('Paid');
    expect(page.body).toContain('href="https://game.example/shöp?from=coins&amp;x=&quot;&lt;b&gt;"');
    expect(page.headers.get('refresh')).toBe(`5; url=${new URL(returnUrl).href}`);
    expect((await call('GET', purchase.checkoutUrl!)).headers.get('refresh')).toBeNull();
  });

  test('who comes too late sees how things are', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'decline');
    const answer = await call('POST', `${purchase.checkoutUrl}/pay`, {
      headers: browser,
      body: 'card=normal',
    });
    expect(answer.status).toBe(409);
    expect(answer.body).toContain('Declined');
    expect(answer.body).not.toMatch(/<button[^>]*>Pay<\/button>/);
  });

  test('finds what the bank and the provider can do then, and each button leads on to the next', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay');
    let page = await call('GET', purchase.checkoutUrl!);
    const buttons = () =>
      Array.from(String(page.body).matchAll(/<button[^>]*>([^<]+)<\/button>/g), ([, text]) => text);
    /** Submits the form of a button as a browser does, from the page's own address. */
    const press = async (text: string) => {
      const form = String(page.body)
        .split('<form ')
        .find((part) => part.includes(`>${text}</button>`))!;
      const target =
        new RegExp(`formaction="([^"]+)">${text}<`).exec(form)?.[1] ?? /action="([^"]+)"/.exec(form)![1]!;
      const address = new URL(target, purchase.checkoutUrl!).href;
      const answer = await call('POST', address, { headers: browser, body: '' });
      expect(answer.status, text).toBe(303);
      const next = new URL(answer.headers.get('location')!, address);
      expect(next.href).toBe(purchase.checkoutUrl);
      page = await call('GET', next.href);
    };
    expect(buttons()).toEqual(['Dispute', 'Refund by hand']);
    await press('Dispute');
    expect(buttons()).toEqual(['The merchant wins', 'The merchant loses']);
    expect(page.body).toContain('Held by the bank: €0.99');
    await press('The merchant wins');
    expect(page.body).toContain('Dispute won');
    expect(buttons()).toEqual(['Dispute', 'Refund by hand']);
    await press('Dispute');
    await press('The merchant loses');
    expect(page.body).toContain('Dispute lost');
    expect(buttons()).toEqual([]);
  });

  test('is not offered a refund that the card would refuse', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay', { card: 'no-refunds' });
    const page = await call('GET', purchase.checkoutUrl!);
    expect(page.body).toContain('Dispute</button>');
    expect(page.body).not.toContain('Refund by hand');
  });

  test.each(['decline', 'dispute/win'])(
    'who tries to %s in vain gets a page whose forms still work',
    async (action) => {
      const purchase = await shop.buy();
      await shop.act(purchase, 'pay');
      const address = `${purchase.checkoutUrl}/${action}`;
      const page = await call('POST', address, { headers: browser, body: '' });
      expect(page.status).toBe(409);
      const targets = Array.from(
        String(page.body).matchAll(/<form method="post" action="([^"]+)"/g),
        ([, target]) => new URL(target!, address).href,
      );
      expect(targets).toEqual([`${purchase.checkoutUrl}/dispute`, `${purchase.checkoutUrl}/refund`]);
    },
  );

  test('with a wrong address finds a page that says so', async () => {
    const page = await call('GET', `${system.url}/sandbox/checkout/sbx_nothing`);
    expect(page.status).toBe(404);
    expect(page.headers.get('content-type')).toContain('text/html');
  });
});
