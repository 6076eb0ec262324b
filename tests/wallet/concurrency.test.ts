// Many at once on one wallet: never below zero, never more refunded than spent, never stuck; on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAccept } from '#api/accept.ts';
import { createLog } from '#shared/runtime/log.ts';
import { backends } from '#tests/support/backends.ts';
import { type Answer, integrity } from '#tests/support/client.ts';
import { storedOperations } from '#tests/support/ledger-view.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { createSettler } from '#workers/coalescer.ts';
import { type Counter, openCounter, openSpender } from './counter.ts';

const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));
const withStatus = (answers: Answer[], status: number) => answers.filter((each) => each.status === status);

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`concurrency_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());
  const expectWhole = async ({ url, tenant }: Counter) =>
    expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });

  test('of a hundred spends at once with coins for sixty, exactly sixty are applied', async () => {
    const counter = await openCounter(system, 60);
    const answers = await times(100, () => counter.spend(1));
    expect(withStatus(answers, 201)).toHaveLength(60);
    const refused = withStatus(answers, 402);
    expect(refused).toHaveLength(40);
    expect(refused.every(({ body }) => body.code === 'insufficient_funds')).toBe(true);
    // One definite order: each applied spend left another balance, down to zero.
    const left = withStatus(answers, 201).map(({ body }) => body.balanceAfter);
    expect(left.sort((a, b) => b - a)).toEqual(Array.from({ length: 60 }, (_, index) => 59 - index));
    expect(await counter.balance()).toBe(0);
    await expectWhole(counter);
  });

  test('spends too large to all fit leave a balance that no further one of them fits into', async () => {
    const counter = await openCounter(system, 100);
    const answers = await times(40, (index) => counter.spend(7 + (index % 5)));
    const spent = withStatus(answers, 201).reduce((sum, { body }) => sum + body.amount, 0);
    expect(withStatus(answers, 402)).toHaveLength(40 - withStatus(answers, 201).length);
    expect(await counter.balance()).toBe(100 - spent);
    expect(100 - spent).toBeGreaterThanOrEqual(0);
    expect(100 - spent).toBeLessThan(11);
    await expectWhole(counter);
  });

  test('refunds at once of one spend never exceed it', async () => {
    const counter = await openCounter(system, 100);
    const { body: spent } = await counter.spend(50);
    const refund = (amount?: number) =>
      counter.post('/wallet/refund', { operationId: spent.id, amount }, { wait: 10 });
    const parts = await times(30, () => refund(3));
    // 16 times 3 is 48: a seventeenth would be too much.
    expect(withStatus(parts, 201)).toHaveLength(16);
    expect(withStatus(parts, 409).map(({ body }) => body.code)).toEqual(
      Array(14).fill('refund_exceeds_original'),
    );
    const rest = await times(10, () => refund());
    expect(withStatus(rest, 201).map(({ body }) => body.amount)).toEqual([2]);
    expect(withStatus(rest, 409)).toHaveLength(9);
    expect(await counter.balance()).toBe(100);
    await expectWhole(counter);
  });

  test('a spend and its refund sent at once end alike, whichever was first', async () => {
    const counter = await openCounter(system, 10);
    const { body: sent } = await counter.post('/wallet/spend', { amount: 4 });
    const refund = await counter.post('/wallet/refund', { operationId: sent.id }, { wait: 10 });
    // The spend was answered first, so it is settled first: its refund cannot find it missing.
    expect([refund.status, refund.body.balanceAfter]).toEqual([201, 10]);
    await expectWhole(counter);
  });
});

test('settlers that meet at one wallet wait for each other, and none finds the ground moved', async () => {
  const system = await startSystem('settlers', { backend: backends[0]!, workers: false });
  try {
    const counter = await openCounter(system);
    const { tenant, user } = counter;
    const lines: string[] = [];
    const log = createLog('warn', 'settlers', { write: (line) => void lines.push(line) });
    const settlers = Array.from({ length: 4 }, () => createSettler({ ...system.services, log }));
    const grant = { userId: user.id, amount: 100 };
    await counter.post('/wallet/grant', grant, { token: tenant.secretKey });
    for (let round = 0; round < 5; round += 1) {
      const sent = await times(40, () => counter.post('/wallet/spend', { amount: 1 }));
      const settle = (answer: Answer, index: number) =>
        settlers[index % settlers.length]!.settle(tenant.slug, [answer.body.id], { notify: false });
      await Promise.all(sent.map(settle));
    }
    const stored = [...(await storedOperations(system.database.url, tenant.slug)).values()];
    expect(stored.filter((each) => each.status === 'applied')).toHaveLength(101);
    expect(stored.filter((each) => each.status === 'rejected')).toHaveLength(100);
    expect(await counter.balance()).toBe(0);
    expect(lines).toEqual([]);
  } finally {
    await system.close();
  }
});

describe('two processes that journal the same keys in opposite order', () => {
  test('do not lock each other out: every request gets its operation', { timeout: 60_000 }, async () => {
    const system = await startSystem('opposite', { backend: backends[0]!, workers: false });
    try {
      const counter = await openCounter(system);
      const { services } = system;
      const spend = await openSpender(system, counter);
      const accepts = [createAccept(services), createAccept(services)] as const;
      for (let round = 0; round < 2; round += 1) {
        const keys = Array.from({ length: 400 }, () => randomUUID());
        const [forth, back] = await Promise.all([
          Promise.all(keys.map((key) => spend(accepts[0], key).accepted)),
          Promise.all(keys.toReversed().map((key) => spend(accepts[1], key).accepted)),
        ]);
        expect(back.toReversed().map(({ view }) => view.id)).toEqual(forth.map(({ view }) => view.id));
        const fresh = [...forth, ...back].filter(({ replayed }) => !replayed);
        expect(fresh).toHaveLength(keys.length);
      }
      expect((await storedOperations(system.database.url, counter.tenant.slug)).size).toBe(800);
      await Promise.all(accepts.map((accept) => accept.close()));
    } finally {
      await system.close();
    }
  });
});
