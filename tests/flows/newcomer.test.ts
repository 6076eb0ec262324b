// The newcomer's path, whole, over HTTP: tenant, user, buying, spending, refusal, refunds, history, mails, Bull Board.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, eventually, integrity } from '#tests/support/client.ts';
import { startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';

let system: System | undefined;
let smtp: TestSmtp | undefined;
afterEach(async () => {
  await system?.close();
  await smtp?.close();
  system = undefined;
  smtp = undefined;
});

describe.each(backends)('on $name', (backend) => {
  test('a newcomer buys, spends, is refused, refunded, and reads all about it', {
    timeout: 90_000,
  }, async () => {
    smtp = await startSmtp();
    system = await startSystem(`newcomer_${backend.name}`, { backend, settings: { SMTP_URL: smtp.url } });
    const { url } = system;

    const made = await call('POST', `${url}/operator/tenants`, {
      token: operatorToken,
      body: {
        slug: 'arcade',
        name: 'The Arcade',
        coin: { code: 'GEM', name: 'Gem', symbol: '◆' },
        settings: {
          packs: [{ id: 'starter', name: 'Starter pack', coins: 500, price: 499, currency: 'usd' }],
        },
      },
    });
    expect(made.status).toBe(201);
    const secretKey: string = made.body.secretKey;
    expect(secretKey).toMatch(/^sk_arcade_/);

    const registered = await call('POST', `${url}/register`, {
      tenant: 'arcade',
      body: { email: 'Nora@Example.com', password: 'correct horse battery', name: 'Nora' },
    });
    expect(registered.status).toBe(201);
    const login = await call('POST', `${url}/login`, {
      tenant: 'arcade',
      body: { email: 'nora@example.com', password: 'correct horse battery' },
    });
    expect(login.status).toBe(200);
    const token: string = login.body.accessToken;
    const userId: string = login.body.user.id;
    const balanceIs = async (balance: number) => {
      const answer = await call('GET', `${url}/wallet/balance`, { token });
      expect(answer.body).toMatchObject({ balance, available: balance, held: 0, currency: 'GEM' });
      const report = await integrity(url, 'arcade');
      expect(report.body).toMatchObject({ ok: true, differences: [] });
    };
    await balanceIs(0);

    const bought = await call('POST', `${url}/wallet/buy`, {
      token,
      key: randomUUID(),
      wait: 10,
      body: { pack: 'starter', provider: 'sandbox' },
    });
    expect(bought.status).toBe(201);
    expect(bought.headers.get('preference-applied')).toBe('wait=10');
    expect(bought.body).toMatchObject({ kind: 'purchase', status: 'awaiting_payment', amount: 500 });
    const purchaseId: string = bought.body.id;
    await balanceIs(0);
    const paid = await call('POST', `${bought.body.checkoutUrl}/pay`);
    expect(paid.status).toBe(200);
    const operation = (id: string) => call('GET', `${url}/operations/${id}`, { token });
    await eventually('the coins', async () => (await operation(purchaseId)).body.status === 'applied');
    await balanceIs(500);

    const spend = (amount: number, wait = 10) =>
      call('POST', `${url}/wallet/spend`, {
        token,
        key: randomUUID(),
        wait,
        body: { amount, reference: 'sword-7', metadata: { level: 3 } },
      });
    const spent = await spend(120);
    expect(spent.status).toBe(201);
    expect(spent.body).toMatchObject({
      status: 'applied',
      amount: 120,
      balanceAfter: 380,
      reference: 'sword-7',
    });
    const refused = await spend(381);
    expect(refused.status).toBe(402);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(refused.body).toMatchObject({ code: 'insufficient_funds', status: 402 });
    expect((await spend(0)).status).toBe(422);
    await balanceIs(380);

    const later = await spend(30, 0);
    expect(later.status).toBe(202);
    expect(later.headers.get('location')).toBe(`/operations/${later.body.id}`);
    await eventually('the spend', async () => (await operation(later.body.id)).body.status === 'applied');
    await balanceIs(350);

    const refund = (operationId: string, amount?: number) =>
      call('POST', `${url}/wallet/refund`, {
        token,
        key: randomUUID(),
        wait: 10,
        body: { operationId, ...(amount === undefined ? {} : { amount }) },
      });
    expect((await refund(spent.body.id, 20)).body).toMatchObject({ status: 'applied', balanceAfter: 370 });
    expect((await refund(spent.body.id, 101)).body).toMatchObject({
      status: 409,
      code: 'refund_exceeds_original',
    });
    expect((await refund(spent.body.id)).body).toMatchObject({ amount: 100, balanceAfter: 470 });
    // 200 of the 500 coins go, and 40 % of the money with them.
    expect((await refund(purchaseId, 200)).body).toMatchObject({ status: 'applied', balanceAfter: 270 });
    await eventually('the money back', async () => {
      const { payment } = (await operation(purchaseId)).body;
      return payment.refunded === 199;
    });
    await balanceIs(270);

    const granted = await call('POST', `${url}/wallet/grant`, {
      token: secretKey,
      key: randomUUID(),
      wait: 10,
      body: { userId, amount: 30, reference: 'daily-bonus' },
    });
    expect(granted.body).toMatchObject({ kind: 'grant', status: 'applied', balanceAfter: 300 });
    const balance = await call('GET', `${url}/wallet/balance?userId=${userId}`, { token: secretKey });
    expect(balance.body).toMatchObject({ balance: 300, buckets: { paid: 270, bonus: 30 } });

    const history: { amount: number; kind: string; balanceAfter: number }[] = [];
    let cursor = '';
    for (let page = 0; page < 10; page += 1) {
      const answer = await call('GET', `${url}/wallet/transactions?limit=3${cursor}`, { token });
      expect(answer.status).toBe(200);
      history.push(...answer.body.data);
      if (!answer.body.hasMore) break;
      cursor = `&cursor=${answer.body.nextCursor}`;
    }
    expect(history.map(({ kind, amount, balanceAfter }) => [kind, amount, balanceAfter])).toEqual([
      ['grant', 30, 300],
      ['refund', -200, 270],
      ['refund', 100, 470],
      ['refund', 20, 370],
      ['spend', -30, 350],
      ['spend', -120, 380],
      ['purchase', 500, 500],
    ]);

    const mails = await smtp.received(5);
    const about = mails.map((mail) => mail.subject ?? '').sort();
    expect(mails.every((mail) => mail.recipients.includes('nora@example.com'))).toBe(true);
    const texts = mails.map((mail) => mail.text ?? '').join('\n');
    expect(about).toHaveLength(5);
    expect(texts).toContain('/verify-email?token=');
    expect(texts).toContain('$4.99');
    expect(texts).toContain('$1.99');
    const link = /\/verify-email\?token=(\S+)/.exec(texts)?.[1] ?? '';
    const verify = () =>
      call('POST', `${url}/email/verify`, { tenant: 'arcade', body: { token: decodeURIComponent(link) } });
    expect((await verify()).status).toBe(204);
    expect((await verify()).body).toMatchObject({ status: 400, code: 'invalid_token' });
    const profile = await call('GET', `${url}/profile`, { token });
    expect(profile.body).toMatchObject({ emailVerified: true, name: 'Nora', wallet: { balance: 300 } });

    const board = await call('GET', `${url}/operator/queues/api/queues`, { token: operatorToken });
    expect(board.status).toBe(200);
    const queues: { name: string; counts: { completed: number } }[] = board.body.queues;
    for (const name of ['purchase', 'spend', 'refund', 'provider', 'email']) {
      const queue = queues.find((each) => each.name.endsWith(name));
      expect(queue?.counts.completed, `completed jobs of ${name}`).toBeGreaterThan(0);
    }
    expect((await call('GET', `${url}/operator/queues/api/queues`)).status).toBe(401);
  });
});
