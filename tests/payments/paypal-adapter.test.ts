// What holds for every call of the PayPal adapter: tenants apart, tokens, webhooks, lists, and an end in time.
import { describe, expect, test } from 'vitest';
import type { Tenant } from '#shared/tenants/directory.ts';
import {
  accounts,
  acme,
  globex,
  newPurchase,
  refundOf,
  tenantOf,
  useCounter,
} from '#tests/payments/paypal-counter.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';

describe.each(['sdk', 'fetch'] as const)('by the %s driver', (driver) => {
  const counter = useCounter(driver);

  test('what another tenant owns is not known, and neither is what can be no id', async () => {
    const { captureId, ref } = await counter.pay();
    const dispute = counter.emulator.bank.openDispute({ captureIds: [captureId] });
    const refund = (await counter.paypal.refund(acme, refundOf(captureId, { amount: 1000 }))).ref ?? '';
    const hints = [
      ['checkout', ref],
      ['payment', captureId],
      ['refund', refund],
      ['dispute', dispute],
    ] as const;
    for (const [about, known] of hints) {
      expect(await counter.paypal.look(acme, { about, ref: known })).toHaveLength(1);
      expect(await counter.paypal.look(globex, { about, ref: known })).toEqual([]);
      const sent = counter.emulator.requests.length;
      for (const odd of [
        '',
        '..',
        '../x',
        'a b',
        'A/../../B',
        '%2e%2e',
        'A?b=c',
        `A\r\nx: y`,
        '✓',
        'A'.repeat(300),
      ]) {
        expect(await counter.paypal.look(acme, { about, ref: odd })).toEqual([]);
      }
      expect(counter.emulator.requests.length).toBe(sent);
    }
  });

  test('a webhook is genuine only byte for byte, for its own webhook, and unforged', async () => {
    const body =
      '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","big":12345678901234567890,"rate":10.00,"n":"é"}';
    const signed = counter.emulator.signedHeaders(accounts.acme.clientId, body);
    const verify = (text: string | Buffer, headers = signed, tenant = acme) =>
      counter.paypal.verify(tenant, { headers, body: Buffer.from(text) });
    expect(await verify(body)).toBe(true);
    expect(await verify(JSON.stringify(JSON.parse(body)))).toBe(false);
    expect(await verify(body, signed, globex)).toBe(false);
    expect(
      await verify(body, counter.emulator.signedHeaders(accounts.acme.clientId, body, { forged: true })),
    ).toBe(false);
    expect(await verify(body, { ...signed, 'paypal-transmission-time': '2020-01-01T00:00:00Z' })).toBe(false);
    const asked = counter.requestsTo(/verify-webhook-signature/).length;
    // None of these is sent to PayPal at all.
    const elsewhere = { certUrl: 'https://paypal.com.evil.example/cert' };
    expect(await verify(body, counter.emulator.signedHeaders(accounts.acme.clientId, body, elsewhere))).toBe(
      false,
    );
    expect(await verify(`${body},"webhook_id":"OTHER"`)).toBe(false);
    expect(await verify('{"a":1},"webhook_event":{"b":1}')).toBe(false);
    expect(await verify('[]')).toBe(false);
    expect(await verify(Buffer.from([0x22, 0xff, 0x22]))).toBe(false);
    expect(await verify(body, { ...signed, 'paypal-transmission-sig': '' })).toBe(false);
    expect(counter.requestsTo(/verify-webhook-signature/)).toHaveLength(asked);
  });

  test('no verdict is no verdict: a webhook is not thrown away because PayPal is down', async () => {
    const headers = counter.emulator.signedHeaders(accounts.acme.clientId, '{}');
    for (const fault of [
      { kind: 'html' as const },
      { kind: 'drop' as const },
      { kind: 'error' as const, status: 429 },
    ]) {
      counter.emulator.faults.add({ path: /verify-webhook-signature/, ...fault });
      await expect(counter.paypal.verify(acme, { headers, body: Buffer.from('{}') })).rejects.toBeInstanceOf(
        ProviderUnavailable,
      );
    }
  });

  test('changes name every payment, refund, reversal and dispute of the stretch, of this tenant alone', async () => {
    const mine = await counter.pay();
    await counter.pay(globex);
    const pending = await counter.pay(acme, {}, { capture: 'pending' });
    await counter.paypal.refund(acme, refundOf(mine.captureId));
    const dispute = counter.emulator.bank.openDispute({ captureIds: [mine.captureId] });
    const to = new Date(Date.now() + 1000);
    const list = async (range: { from: Date; to: Date }) => {
      const hints: string[] = [];
      for await (const { about, ref } of counter.paypal.listChanges(acme, range))
        hints.push(`${about} ${ref}`);
      return hints;
    };
    const recent = await list({ from: new Date(Date.now() - 60_000), to });
    expect(new Set(recent)).toEqual(
      new Set([`payment ${mine.captureId}`, `payment ${pending.captureId}`, `dispute ${dispute}`]),
    );
    expect(recent.filter((hint) => hint === `payment ${mine.captureId}`)).toHaveLength(2);
    const before = counter.requestsTo(/reporting/).length;
    expect(new Set(await list({ from: new Date(Date.now() - 100 * 86_400_000), to }))).toEqual(
      new Set(recent),
    );
    expect(counter.requestsTo(/reporting/).length - before).toBe(4);
  });

  test('eight calls at once log in once, and an expired token is renewed once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => counter.open()));
    expect(counter.requestsTo(/oauth2\/token$/).length).toBe(1);
    counter.emulator.expireTokens();
    await Promise.all(Array.from({ length: 8 }, () => counter.open()));
    expect(counter.requestsTo(/oauth2\/token$/).length).toBe(2);
  });

  test('a wrong secret never works from what a right one left behind', async () => {
    const { ref } = await counter.open();
    const intruder = tenantOf('acme', { clientSecret: 'wrong' });
    for (const _ of [1, 2]) {
      await expect(counter.paypal.look(intruder, { about: 'checkout', ref })).rejects.toThrow(
        /credentials.*invalid_client/,
      );
    }
    await expect(counter.paypal.createCheckout(intruder, newPurchase())).rejects.toBeInstanceOf(
      ProviderUnavailable,
    );
    expect((await counter.see(ref)).state).toBe('open');
  });

  test('two tenants at the same time: no header, token or id of one in a request of the other', async () => {
    const work = Array.from({ length: 40 }, async (_, at) => {
      const tenant = at % 2 === 0 ? acme : globex;
      const { payment, purchaseId, captureId, ref } = await counter.pay(tenant);
      expect(payment).toMatchObject({ state: 'paid', tenant: tenant.slug, purchaseId });
      const refund = refundOf(captureId);
      await counter.paypal.refund(tenant, refund);
      return { slug: tenant.slug, ids: [purchaseId, captureId, ref, refund.refundId] };
    });
    const done = await Promise.all(work);
    const ownerOf = new Map(done.flatMap(({ slug, ids }) => ids.map((id) => [id, slug] as const)));
    const tokens = new Map<string, Set<string>>();
    let checked = 0;
    for (const { path, query, headers, body } of counter.emulator.requests) {
      const text = `${path}?${query} ${headers['paypal-request-id']} ${body}`;
      const owners = new Set([...ownerOf].filter(([id]) => text.includes(id)).map(([, slug]) => slug));
      if (owners.size === 0) continue;
      expect(owners.size).toBe(1);
      for (const slug of owners)
        tokens.set(slug, (tokens.get(slug) ?? new Set()).add(headers.authorization ?? ''));
      checked += 1;
    }
    expect(checked).toBeGreaterThan(40 * 6);
    expect([...tokens.values()].map(({ size }) => size)).toEqual([1, 1]);
    expect(new Set([...tokens.values()].flatMap((set) => [...set])).size).toBe(2);
  });

  test.each(['hang', 'act_then_hang', 'drip', 'cut', 'drop', 'html', 'error'] as const)(
    'every kind of call ends when PayPal does this: %s',
    async (kind) => {
      const { captureId, ref, purchaseId } = await counter.pay();
      counter.paypal = counter.openProvider(driver, 300);
      await counter.paypal.look(acme, { about: 'checkout', ref });
      counter.emulator.faults.add({ path: /./, kind, times: 1000 });
      const range = { from: new Date(Date.now() - 1000), to: new Date() };
      const headers = counter.emulator.signedHeaders(accounts.acme.clientId, '{}');
      const calls = [
        () => counter.paypal.createCheckout(acme, newPurchase()),
        () => counter.paypal.look(acme, { about: 'payment', ref: captureId }),
        () => counter.paypal.look(globex, { about: 'payment', ref: captureId }),
        () => counter.paypal.capture(acme, { purchaseId, checkoutRef: ref }),
        () => counter.paypal.refund(acme, refundOf(captureId)),
        () => counter.paypal.verify(acme, { headers, body: Buffer.from('{}') }),
        () => counter.paypal.listChanges(acme, range)[Symbol.asyncIterator]().next(),
      ];
      const began = performance.now();
      const ends = await Promise.allSettled(calls.map((call) => call()));
      expect(performance.now() - began).toBeLessThan(10_000);
      for (const end of ends) {
        expect(end).toMatchObject({ status: 'rejected', reason: expect.any(ProviderUnavailable) });
      }
    },
  );

  test('an app that may not list disputes can still be paid; the operator is told', async () => {
    counter.emulator.faults.add({
      path: /customer\/disputes$/,
      kind: 'error',
      status: 403,
      times: 10,
      body: { name: 'NOT_AUTHORIZED', message: 'Authorization failed due to insufficient permissions.' },
    });
    expect((await counter.pay()).payment).toMatchObject({ state: 'paid', disputes: [] });
    expect(counter.logged()).toContain('paypal_disputes_unseen');
  });
});

describe('a tenant without an account', () => {
  const counter = useCounter('sdk');

  test('may not buy, and is told so', async () => {
    const { paypal, emulator } = counter;
    const stranger = { slug: 'nobody', sealed: {} } as unknown as Tenant;
    expect(paypal.isConfigured(stranger)).toBe(false);
    expect(paypal.isConfigured(acme)).toBe(true);
    expect(await paypal.createCheckout(stranger, newPurchase())).toMatchObject({ status: 'refused' });
    await expect(paypal.look(stranger, { about: 'checkout', ref: 'A' })).rejects.toThrow('no account');
    expect(emulator.requests).toEqual([]);
  });
});
