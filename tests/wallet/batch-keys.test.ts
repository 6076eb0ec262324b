// What the keys of a batch and of its items promise: a replay is the same batch, and no key serves twice.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import type { Answer } from '#tests/support/client.ts';
import { storedOperations } from '#tests/support/ledger-view.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, openCounter, pointersOf } from './counter.ts';

const isReplay = (answer: Answer) => answer.headers.get('idempotency-replayed') === 'true';
type Item = { operation?: { status: string; reason: string | null; id: string }; problem?: { code: string } };

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let counter: Counter;
  beforeAll(async () => {
    system = await startSystem(`batch_keys_${backend.name}`, { backend });
    counter = await openCounter(system, 1000);
  });
  afterAll(() => system?.close());
  const send = (body: unknown, options: { key?: string; wait?: number; token?: string } = {}) =>
    counter.post('/wallet/batch', body, { token: counter.tenant.secretKey, wait: 10, ...options });
  const spends = (count: number, amount = 1) =>
    Array.from({ length: count }, () => ({ kind: 'spend', userId: counter.user.id, amount }));
  const stored = () => storedOperations(system.database.url, counter.tenant.slug);

  test('a replay answers with the same batch as it now stands, and another body is refused', async () => {
    for (const atomic of [true, false]) {
      const key = randomUUID();
      const operations = spends(3);
      const first = await send({ atomic, operations }, { key, wait: 0 });
      expect([first.status, isReplay(first)]).toEqual([202, false]);
      const again = await send({ operations, atomic }, { key });
      expect([again.status, isReplay(again), again.body.id]).toEqual([201, true, first.body.id]);
      const ids = (answer: Answer) => answer.body.items.map((item: Item) => item.operation?.id);
      expect(ids(again)).toEqual(ids(first));
      const count = (await stored()).size;
      const others = [
        { atomic: !atomic, operations },
        { atomic, operations: spends(4) },
        { atomic, operations: spends(3, 2) },
      ];
      for (const body of others) expectProblem(await send(body, { key }), 422, 'idempotency_key_reused');
      // One operation cannot take the key either, nor a batch the key of one operation.
      const single = { userId: counter.user.id, amount: 1 };
      const token = counter.tenant.secretKey;
      expectProblem(
        await counter.post('/wallet/spend', single, { key, token }),
        422,
        'idempotency_key_reused',
      );
      expect((await stored()).size).toBe(count);
      const used = await counter.post('/wallet/spend', single, { token, wait: 5 });
      const taken = await counter.post('/wallet/spend', single, { token, key: `k-${key}`, wait: 5 });
      expect([used.status, taken.status]).toEqual([201, 201]);
      expectProblem(await send({ atomic, operations }, { key: `k-${key}` }), 422, 'idempotency_key_reused');
    }
  });

  test('many senders of one batch make one batch', async () => {
    const key = randomUUID();
    const before = await counter.balance();
    const operations = spends(10);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => send({ atomic: true, operations }, { key })),
    );
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(answers.filter((answer) => !isReplay(answer)).length).toBe(1);
    expect(await counter.balance()).toBe(before - 10);
  });

  test('an item may have a key of its own, which it shares with its single route', async () => {
    const { id: userId } = counter.user;
    const [known, fresh] = [randomUUID(), randomUUID()];
    const token = counter.tenant.secretKey;
    const single = await counter.post('/wallet/spend', { userId, amount: 2 }, { key: known, token, wait: 5 });
    const item = { kind: 'spend', userId, amount: 2 };
    const answer = await send({
      operations: [
        { ...item, idempotencyKey: known },
        { ...item, idempotencyKey: fresh },
        { ...item, idempotencyKey: fresh },
        { ...item, amount: 3, idempotencyKey: known },
      ],
    });
    expect(answer.body.items[0].operation.id).toBe(single.body.id);
    expect(answer.body.items[2].operation.id).toBe(answer.body.items[1].operation.id);
    expect(answer.body.items[3].problem.code).toBe('idempotency_key_reused');
    const later = await counter.post('/wallet/spend', { userId, amount: 2 }, { key: fresh, token, wait: 5 });
    expect([isReplay(later), later.body.id]).toEqual([true, answer.body.items[1].operation.id]);
    const atomic = await send({ atomic: true, operations: [item, { ...item, idempotencyKey: known }] });
    expectProblem(atomic, 422, 'idempotency_key_reused');
    expect(pointersOf(atomic)).toEqual(['/operations/1/idempotencyKey']);
  });
});
