// Batches over HTTP: atomic ones are all or nothing, others item by item.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { type Answer, call, grant, integrity, registerUser, type TestUser } from '#tests/support/client.ts';
import { storedBalances, storedOperations } from '#tests/support/ledger-view.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, makeKey, openCounter, pointersOf } from './counter.ts';

type Item = { operation?: { status: string; reason: string | null; id: string }; problem?: { code: string } };
const outcomes = (answer: Answer) =>
  answer.body.items.map(
    ({ operation, problem }: Item) => problem?.code ?? operation?.reason ?? operation?.status,
  );

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let counter: Counter;
  let friend: TestUser;
  beforeAll(async () => {
    system = await startSystem(`batches_${backend.name}`, { backend });
    counter = await openCounter(system, 1000);
    friend = await registerUser(system.url, counter.tenant, 'friend');
  });
  afterAll(() => system?.close());
  const send = (body: unknown, options: { key?: string; wait?: number; token?: string } = {}) =>
    counter.post('/wallet/batch', body, { token: counter.tenant.secretKey, wait: 10, ...options });
  const spends = (count: number, amount = 1) =>
    Array.from({ length: count }, () => ({ kind: 'spend', userId: counter.user.id, amount }));
  const stored = () => storedOperations(system.database.url, counter.tenant.slug);
  const balances = () => storedBalances(system.database.url, counter.tenant.slug);
  const expectSound = async () =>
    expect((await integrity(system.url, counter.tenant.slug)).body).toMatchObject({
      ok: true,
      differences: [],
    });

  test('an atomic batch of a thousand with one bad item changes nothing', { timeout: 60_000 }, async () => {
    const operations: object[] = spends(1000);
    const [before, coins] = [await stored(), await balances()];
    const invalid = await send({
      atomic: true,
      operations: operations.with(500, { kind: 'spend', amount: 1 }),
    });
    expectProblem(invalid, 422, 'invalid_input');
    expect(pointersOf(invalid)).toEqual(['/operations/500/userId']);
    expect(await stored()).toEqual(before);

    const tooMuch = { kind: 'spend', userId: counter.user.id, amount: 900_000 };
    const refused = await send({ atomic: true, operations: operations.with(998, tooMuch) });
    expect([refused.status, refused.body.status, refused.body.atomic]).toEqual([200, 'rejected', true]);
    const reasons = outcomes(refused);
    expect(reasons[998]).toBe('insufficient_funds');
    expect(new Set(reasons.toSpliced(998, 1))).toEqual(new Set(['batch_failed']));
    expect(await balances()).toEqual(coins);
    const after = [...(await stored()).values()];
    expect(after.filter((each) => each.entries > 0).length).toBe(
      [...before.values()].filter((each) => each.entries > 0).length,
    );
    await expectSound();
  });

  test('an atomic batch is applied whole, in its order, and its members name it', async () => {
    const start = await counter.balance();
    const answer = await send({
      atomic: true,
      operations: [
        { kind: 'spend', userId: counter.user.id, amount: start },
        { kind: 'grant', userId: counter.user.id, amount: 50, bucket: 'paid', reference: 'gift' },
        { kind: 'transfer', userId: counter.user.id, toUserId: friend.id, amount: 20, feeBps: 500 },
        { kind: 'hold', userId: counter.user.id, amount: 30, expiresIn: 60 },
      ],
    });
    expect([answer.status, answer.body.status]).toEqual([201, 'applied']);
    expect(answer.headers.get('location')).toBe(`/wallet/batches/${answer.body.id}`);
    expect(answer.headers.get('preference-applied')).toBe('wait=10');
    const operations = answer.body.items.map((item: { operation: object }) => item.operation);
    expect(operations).toMatchObject([
      { kind: 'spend', batchId: answer.body.id, balanceAfter: 0 },
      { kind: 'grant', reference: 'gift', balanceAfter: 50 },
      { kind: 'transfer', balanceAfter: 30, fee: 1, legs: [{ userId: friend.id, amount: 19 }] },
      { kind: 'hold', balanceAfter: 30 },
    ]);
    const shown = await counter.get(answer.headers.get('location') ?? '', counter.tenant.secretKey);
    expect([shown.status, shown.body]).toEqual([200, answer.body]);
    // The hold goes on by other batches; a capture and a release find it by its id.
    const holdId = operations[3].id;
    const ended = await send({
      operations: [
        { kind: 'capture', holdId, amount: 10 },
        { kind: 'release', holdId },
        { kind: 'capture', holdId },
        { kind: 'refund', operationId: operations[0].id, amount: 5, reason: 'sorry' },
      ],
    });
    expect(outcomes(ended)).toEqual(['applied', 'applied', 'hold_not_active', 'applied']);
    expect([ended.status, ended.body.status]).toEqual([201, 'partly_applied']);
    expect(await counter.balance()).toBe(25);
    await expectSound();
  });

  test('of an independent batch each item has an outcome of its own', async () => {
    await grant(system.url, counter.tenant, counter.user.id, 100);
    const before = await counter.balance();
    const stranger = randomUUID();
    const { id: userId } = counter.user;
    const answer = await send({
      operations: [
        { kind: 'spend', userId, amount: 3 },
        { kind: 'spend', userId, amount: 0 },
        { kind: 'spend', userId, amount: 1_000_000_000 },
        { kind: 'spend', userId: stranger, amount: 1 },
        { kind: 'refund', operationId: stranger },
        { kind: 'fly', userId },
        { kind: 'grant', userId, amount: 4, colour: 'red' },
        { kind: 'grant', userId, amount: 5, idempotencyKey: 'two words' },
        { kind: 'grant', userId, amount: 6 },
      ],
    });
    expect([answer.status, answer.body.status]).toEqual([201, 'partly_applied']);
    expect(outcomes(answer)).toEqual([
      ...['applied', 'invalid_input', 'insufficient_funds', 'user_not_found', 'operation_not_found'],
      ...['invalid_input', 'invalid_input', 'invalid_input', 'applied'],
    ]);
    expect(answer.body.items[1].problem).toMatchObject({
      status: 422,
      type: expect.stringMatching(/invalid_input$/),
      errors: [{ pointer: '/operations/1/amount', code: 'too_small' }],
    });
    expect(answer.body.items[6].problem.errors[0].pointer).toBe('/operations/6/colour');
    expect(answer.body.items[0].operation.batchId).toBeUndefined();
    expect(await counter.balance()).toBe(before + 3);
    await expectSound();
  });

  test('coins of another kind are exchanged in the batch that spends them', async () => {
    const { url, tenant } = counter;
    const made = await call('PATCH', `${url}/operator/tenants/${tenant.slug}`, {
      token: operatorToken,
      body: {
        settings: {
          coins: [{ code: 'GEM', name: 'Gem', symbol: 'g' }],
          exchangeRates: [{ from: 'COIN', to: 'GEM', give: 10, get: 1 }],
        },
      },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(200);
    const rich = await registerUser(url, tenant, 'rich');
    const operations = [
      { kind: 'grant', userId: rich.id, amount: 100 },
      { kind: 'exchange', userId: rich.id, to: 'GEM', amount: 70 },
      { kind: 'spend', userId: rich.id, coin: 'GEM', amount: 7 },
    ];
    const tooMany = operations.with(2, { kind: 'spend', userId: rich.id, coin: 'GEM', amount: 8 });
    expect(outcomes(await send({ atomic: true, operations: tooMany }))).toEqual([
      ...['batch_failed', 'batch_failed', 'insufficient_funds'],
    ]);
    expect((await send({ atomic: true, operations })).body.status).toBe('applied');
    await expectSound();
  });

  test('a user sends batches for the own wallet, and sees no others', async () => {
    const own = await send(
      {
        operations: [
          { kind: 'spend', amount: 1 },
          { kind: 'grant', userId: counter.user.id, amount: 9 },
        ],
      },
      { token: counter.user.token },
    );
    expect(outcomes(own)).toEqual(['applied', 'forbidden']);
    const path = `/wallet/batches/${own.body.id}`;
    expect((await counter.get(path)).status).toBe(200);
    expectProblem(await counter.get(path, friend.token), 404, 'batch_not_found');
    const foreign = await send({ operations: spends(1) }, { token: friend.token });
    expect(outcomes(foreign)).toEqual(['forbidden']);
    const theirs = await send({ operations: spends(1) });
    expectProblem(await counter.get(`/wallet/batches/${theirs.body.id}`), 404, 'batch_not_found');
    expectProblem(await counter.get('/wallet/batches/none'), 404, 'batch_not_found');
  });

  test('what is no batch is refused whole', async () => {
    const { secretKey: narrow } = await makeKey(counter, ['read', 'grant']);
    const deep = `{"operations":[{"kind":"spend","metadata":${'['.repeat(200_000)}${']'.repeat(200_000)}}]}`;
    const bad: [unknown, number, string][] = [
      [{ operations: [] }, 422, 'invalid_input'],
      [{ operations: spends(1001) }, 422, 'invalid_input'],
      [{ operations: ['spend'] }, 422, 'invalid_input'],
      [{ atomic: 'yes', operations: spends(1) }, 422, 'invalid_input'],
      [{ operations: spends(1), more: 1 }, 422, 'invalid_input'],
      [{}, 422, 'invalid_input'],
      [deep, 422, 'invalid_input'],
      [`{"operations":["${'x'.repeat(1024 * 1024)}"]}`, 413, 'payload_too_large'],
      ['{', 400, 'malformed_request'],
    ];
    for (const [body, status, code] of bad) expectProblem(await send(body), status, code);
    expectProblem(await send({ operations: spends(1) }, { token: narrow }), 403, 'insufficient_scope');
    expectProblem(await send({ operations: spends(1) }, { key: '' }), 400, 'idempotency_key_required');
    const anonymous = await call('POST', `${system.url}/wallet/batch`, { body: {}, key: 'x' });
    expectProblem(anonymous, 401, 'unauthenticated');
  });
});
