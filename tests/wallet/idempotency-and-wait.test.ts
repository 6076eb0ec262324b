// What a key makes of a repeated request, and what Prefer makes of an answer, on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitSecondsOf } from '#api/routes/answer-operation.ts';
import { backends } from '#tests/support/backends.ts';
import { type Answer, call, eventually, registerUser } from '#tests/support/client.ts';
import { storedOperations } from '#tests/support/ledger-view.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, openCounter } from './counter.ts';

const isReplay = (answer: Answer) => answer.headers.get('idempotency-replayed') === 'true';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let counter: Counter;
  beforeAll(async () => {
    system = await startSystem(`idempotency_${backend.name}`, { backend });
    counter = await openCounter(system, 1000);
  });
  afterAll(() => system?.close());
  const settled = (id: string) =>
    eventually(`operation ${id}`, async () => {
      const { body } = await counter.get(`/operations/${id}`);
      return body.status !== 'accepted' && body.status !== 'awaiting_payment' && body;
    });

  test('the same request with its key answers with the same operation, as it now stands', async () => {
    const send = (wait?: number) =>
      counter.post('/wallet/spend', { amount: 7, metadata: { a: 1, b: 2 } }, { key: 'same', wait });
    const first = await send();
    expect([first.status, isReplay(first), first.body.status]).toEqual([202, false, 'accepted']);
    expect(first.headers.get('location')).toBe(`/operations/${first.body.id}`);
    expect(first.headers.get('retry-after')).toBe('1');
    const now = await settled(first.body.id);
    const before = await counter.balance();
    for (const wait of [undefined, 5]) {
      const again = await send(wait);
      expect([again.status, isReplay(again)]).toEqual([wait === undefined ? 202 : 201, true]);
      expect(again.body).toEqual(now);
      expect(again.headers.get('location')).toBe(`/operations/${first.body.id}`);
      expect(again.headers.get('retry-after')).toBeNull();
    }
    expect(await counter.balance()).toBe(before);
  });

  test('the same content in other words is the same request', async () => {
    const { user, tenant } = counter;
    const [one, two] = [randomUUID(), randomUUID()];
    const first = await counter.post('/wallet/spend', '{"amount":1,"metadata":{"a":1,"b":[2]}}', {
      key: one,
    });
    const words = `{ "metadata": {"b":[2.0], "a":1e0}, "userId": "${user.id}", "amount": 1.0 }`;
    const again = await counter.post('/wallet/spend', words, { key: one, token: tenant.secretKey });
    expect([again.status, isReplay(again), again.body.id]).toEqual([202, true, first.body.id]);
    const granted = await counter.post(
      '/wallet/grant',
      { userId: user.id, amount: 1 },
      { key: two, token: tenant.secretKey },
    );
    const named = { userId: user.id, amount: 1, bucket: 'bonus' };
    const same = await counter.post('/wallet/grant', named, { key: two, token: tenant.secretKey });
    expect([same.status, isReplay(same), same.body.id]).toEqual([202, true, granted.body.id]);
  });

  test('a key with another body, on another route, or of another user is refused', async () => {
    const { tenant, user } = counter;
    const key = randomUUID();
    const spent = await counter.post('/wallet/spend', { amount: 2 }, { key, wait: 5 });
    expect(spent.status).toBe(201);
    const second = await registerUser(counter.url, tenant, 'second');
    const reused: [string, object, string][] = [
      ['/wallet/spend', { amount: 3 }, user.token],
      ['/wallet/spend', { amount: 2, reference: 'x' }, user.token],
      ['/wallet/spend', { amount: 2, metadata: {} }, user.token],
      ['/wallet/spend', { amount: 2 }, second.token],
      ['/wallet/spend', { amount: 2, userId: second.id }, tenant.secretKey],
      ['/wallet/grant', { amount: 2, userId: user.id }, tenant.secretKey],
      ['/wallet/refund', { operationId: spent.body.id }, user.token],
      ['/wallet/buy', { coins: 2, provider: 'sandbox' }, user.token],
    ];
    const before = await storedOperations(system.database.url, tenant.slug);
    for (const [path, body, token] of reused) {
      for (const wait of [0, 5]) {
        const answer = await counter.post(path, body, { key, token, wait });
        expectProblem(answer, 422, 'idempotency_key_reused');
        // Nothing of the first user's operation may show.
        expect(JSON.stringify([answer.body, ...answer.headers])).not.toContain(spent.body.id);
      }
    }
    expect(await storedOperations(system.database.url, tenant.slug)).toEqual(before);
  });

  test('keys differ by case, and two tenants may use the same one', async () => {
    const other = await openCounter(system, 10);
    const send = (at: Counter, key: string) => at.post('/wallet/spend', { amount: 1 }, { key, wait: 5 });
    const answers = [await send(counter, 'K-1'), await send(counter, 'k-1'), await send(other, 'K-1')];
    expect(answers.map((answer) => [answer.status, isReplay(answer)])).toEqual(Array(3).fill([201, false]));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(3);
    expect(await other.balance()).toBe(9);
  });

  test('a refusal that is waited for is its problem, and stays it when asked again', async () => {
    const spent = await counter.spend(10);
    const cases: [string, object, number, string][] = [
      ['/wallet/spend', { amount: 1_000_000 }, 402, 'insufficient_funds'],
      ['/wallet/refund', { operationId: spent.body.id, amount: 11 }, 409, 'refund_exceeds_original'],
    ];
    for (const [path, body, status, code] of cases) {
      const key = randomUUID();
      const refused = await counter.post(path, body, { key, wait: 5 });
      expectProblem(refused, status, code);
      expect(isReplay(refused)).toBe(false);
      expect(refused.headers.get('preference-applied')).toBe('wait=5');
      const location = refused.headers.get('location') ?? '';
      expect((await counter.get(location)).body).toMatchObject({ status: 'rejected', reason: code });
      // Coins that came meanwhile change nothing: the operation has its outcome.
      const again = await counter.post(path, body, { key, wait: 5 });
      expectProblem(again, status, code);
      expect([isReplay(again), again.headers.get('location')]).toEqual([true, location]);
      const later = await counter.post(path, body, { key });
      expect([later.status, later.body.status, later.body.reason]).toEqual([202, 'rejected', code]);
    }
  });

  test('waiting for a purchase ends with where to pay, and once paid the replay is the purchase applied', async () => {
    const send = () =>
      counter.post('/wallet/buy', { coins: 50, provider: 'sandbox' }, { key: 'buy-50', wait: 8 });
    const bought = await send();
    expect([bought.status, bought.headers.get('preference-applied')]).toEqual([201, 'wait=8']);
    expect(bought.body).toMatchObject({ kind: 'purchase', status: 'awaiting_payment', balanceAfter: null });
    const replay = await send();
    expect([replay.status, isReplay(replay), replay.body]).toEqual([201, true, bought.body]);
    const page = await call('POST', `${bought.body.checkoutUrl}/pay`);
    expect(page.status).toBe(200);
    const paid = await settled(bought.body.id);
    expect(paid).toMatchObject({ status: 'applied', amount: 50, checkoutUrl: bought.body.checkoutUrl });
    expect((await send()).body).toEqual(paid);
  });

  test('a preference is honoured up to ten seconds, and said so; others are left aside', async () => {
    const send = (prefer?: string) =>
      counter.post(
        '/wallet/spend',
        { amount: 1 },
        prefer === undefined ? {} : { headers: { prefer }, key: randomUUID() },
      );
    for (const [prefer, applied] of [
      ['wait=99', 'wait=10'],
      ['respond-async, wait=10', 'wait=10'],
      ['handling=lenient; wait=1, WAIT="3"', 'wait=3'],
    ]) {
      const answer = await send(prefer);
      expect([answer.status, answer.headers.get('preference-applied')]).toEqual([201, applied]);
      expect(answer.headers.get('vary')).toMatch(/\bPrefer\b/i);
    }
    for (const prefer of [undefined, 'wait=0', 'respond-async', 'wait=-1', 'wait', 'x="a, wait=5"', '=;,']) {
      const answer = await send(prefer);
      expect([prefer, answer.status, answer.body.status]).toEqual([prefer, 202, 'accepted']);
      expect(answer.headers.get('preference-applied')).toBeNull();
      expect(answer.headers.get('vary')).toMatch(/\bPrefer\b/i);
    }
  });
});

describe.each(backends)('without any worker on $name', (backend) => {
  let system: System;
  let counter: Counter;
  beforeAll(async () => {
    system = await startSystem(`unattended_${backend.name}`, { backend, workers: false });
    counter = await openCounter(system);
  });
  afterAll(() => system?.close());

  test('whoever waits is answered 202 when the time is up, and again after another wait', async () => {
    const key = randomUUID();
    for (const replayed of [false, true]) {
      const started = performance.now();
      const answer = await counter.post('/wallet/spend', { amount: 1 }, { key, wait: 1 });
      const waitedMs = performance.now() - started;
      expect([answer.status, answer.body.status, isReplay(answer)]).toEqual([202, 'accepted', replayed]);
      expect(answer.headers.get('location')).toBe(`/operations/${answer.body.id}`);
      expect(answer.headers.get('preference-applied')).toBeNull();
      expect(waitedMs).toBeGreaterThan(950);
      expect(waitedMs).toBeLessThan(4000);
    }
  });
});

test.each([
  [undefined, 0],
  ['', 0],
  ['wait=5', 5],
  ['Wait = 5', 5],
  ['wait="5"', 5],
  ['wait=10', 10],
  ['wait=11', 10],
  ['wait=99999999999999999999', 10],
  ['wait=5;urgent', 5],
  [',, wait=5', 5],
  ['return=minimal,wait=5', 5],
  ['wait=5, wait=7', 5],
  ['wait=soon, wait=7', 0],
  ['wait=5.5', 0],
  ['wait=0x5', 0],
  ['awaiting=5', 0],
  ['a;wait=5', 0],
  ['"wait=5"', 0],
])('Prefer: %s asks for %d seconds', (prefer, seconds) => expect(waitSecondsOf(prefer)).toBe(seconds));
