// Many who send coins at the same moment: in order, never below zero, never stuck; on both queue backends.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import type { TestUser } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { expectProblem, openCounter } from './counter.ts';
import { addUser, balanceOf, expectWhole, fund, openPair, send } from './transfer-desk.ts';

const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`transfers_at_once_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  test('coins that were sent before a spend was are there for it', async () => {
    const { counter, from, to } = await openPair(system, 50);
    for (let round = 0; round < 20; round += 1) {
      const there = await send(counter, from, { toUserId: to.id, amount: 50 }, 0);
      expect(there.status).toBe(202);
      // Answered, so it counts for what the receiver does next.
      const back = await send(counter, to, { toUserId: from.id, amount: 50 }, 0);
      expect(back.status).toBe(202);
    }
    const last = await send(counter, from, { toUserId: to.id, amount: 50 }, 0);
    expect(last.status).toBe(202);
    const spent = await counter.post('/wallet/spend', { amount: 50 }, { token: to.token, wait: 10 });
    expect([spent.status, spent.body.balanceAfter]).toEqual([201, 0]);
    const all = await counter.get('/wallet/transactions?kind=transfer&limit=100', to.token);
    expect(all.body.data).toHaveLength(41);
    await expectWhole(counter);
  });

  test('two who send to each other at once neither block each other nor overdraw', async () => {
    const { counter, from, to } = await openPair(system, 30);
    await fund(counter, to, 30);
    const answers = await times(60, (n) =>
      n % 2 === 0
        ? send(counter, from, { toUserId: to.id, amount: 3 })
        : send(counter, to, { toUserId: from.id, amount: 2 }),
    );
    const refused = answers.filter(({ status }) => status !== 201);
    for (const answer of refused) expectProblem(answer, 402, 'insufficient_funds');
    const applied = answers.filter(({ status }) => status === 201);
    for (const { body } of applied) expect(body.balanceAfter).toBeGreaterThanOrEqual(0);
    expect((await balanceOf(counter, from)) + (await balanceOf(counter, to))).toBe(60);
    await expectWhole(counter);
  });

  test('fifty in a ring who all send at once end with what they had', { timeout: 60_000 }, async () => {
    const counter = await openCounter(system);
    const users: TestUser[] = [];
    for (let n = 0; n < 50; n += 1) users.push(await addUser(counter));
    await Promise.all(users.map((user) => fund(counter, user, 10)));
    for (let round = 0; round < 3; round += 1) {
      const answers = await times(50, (n) =>
        send(counter, users[n]!, { toUserId: users[(n + 1) % 50]!.id, amount: 10 - round }),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(201));
    }
    const left = await Promise.all(users.map((user) => balanceOf(counter, user)));
    expect(left).toEqual(Array(50).fill(10));
    await expectWhole(counter);
  });

  test('a receiver whom everybody sends to gets every coin', { timeout: 60_000 }, async () => {
    const counter = await openCounter(system);
    const senders: TestUser[] = [];
    for (let n = 0; n < 20; n += 1) senders.push(await addUser(counter));
    await Promise.all(senders.map((user) => fund(counter, user, 10)));
    const answers = await times(200, (n) =>
      send(counter, senders[n % 20]!, { toUserId: counter.user.id, amount: 1 }),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(200);
    expect(await balanceOf(counter, counter.user)).toBe(200);
    await expectWhole(counter);
  });
});
