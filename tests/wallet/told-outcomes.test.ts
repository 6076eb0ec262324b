// What whoever waits is told without anybody reading it: the same as what stands in the books, and to nobody else.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createOutcomeWaiters } from '#api/outcome-waiters.ts';
import type { Outcome } from '#shared/contracts/operation.ts';
import { backends } from '#tests/support/backends.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { openPair } from './transfer-desk.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`told_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  test('whatever is waited for is answered as it can be read afterwards', async () => {
    const { counter, to } = await openPair(system, 1000);
    const token = counter.tenant.secretKey;
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    const ask = async (path: string, body: object, status = 201) => {
      const named = path.startsWith('/wallet/holds/') ? body : { userId: counter.user.id, ...body };
      const answer = await counter.post(path, named, { token, wait: 10 });
      const id = answer.headers.get('location')?.split('/').at(-1);
      const { body: stands } = await counter.get(`/operations/${id}`);
      expect([path, answer.status, stands.settledAt]).toEqual([path, status, expect.any(String)]);
      if (status === 201) expect(answer.body).toEqual(stands);
      else expect(stands).toMatchObject({ status: 'rejected', reason: answer.body.code });
      return answer.body.id as string;
    };
    const spent = await ask('/wallet/spend', { amount: 10, reference: 'r', metadata: { a: [1] } });
    await ask('/wallet/refund', { operationId: spent, amount: 3 });
    await ask('/wallet/refund', { operationId: spent });
    await ask('/wallet/refund', { operationId: spent }, 409);
    await ask('/wallet/spend', { amount: 100_000 }, 402);
    await ask('/wallet/grant', { amount: 5, bucket: 'bonus', expiresAt });
    await ask('/wallet/transfer', { toUserId: to.id, amount: 199, feeBps: 250 });
    const held = await ask('/wallet/holds', { amount: 40 });
    await ask(`/wallet/holds/${held}/capture`, { amount: 15 });
    await ask(`/wallet/holds/${held}/capture`, {});
    await ask(`/wallet/holds/${await ask('/wallet/holds', { amount: 4 })}/release`, {});
  });
});

describe.each(backends)('without any worker on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`told_to_${backend.name}`, { backend, workers: false });
  });
  afterAll(() => system?.close());

  test('an outcome is taken as it is told, unless it is of another tenant', async () => {
    const { outcomes } = system.services;
    const waiters = await createOutcomeWaiters(system.services);
    const [id, earlier] = [randomUUID(), randomUUID()];
    const outcome: Outcome = {
      ...{ id, status: 'applied', amount: 5, reason: null, balanceAfter: 1, walletVersion: 2 },
      settledAt: new Date(0).toISOString(),
    };
    const waiter = waiters.start('mine', id);
    const before = waiters.start('mine', earlier);
    // Until a message arrives: a subscription takes its time.
    const told = before.result(10_000);
    const telling = setInterval(() => {
      void outcomes.publishOutcomes('theirs', [{ ...outcome, amount: 6 }]);
      void outcomes.publishOutcomes('mine', [{ ...outcome, id: earlier }]);
    }, 20);
    expect(await told).toEqual({ ...outcome, id: earlier });
    clearInterval(telling);
    const result = waiter.result(10_000);
    await outcomes.publishOutcomes('theirs', [{ ...outcome, amount: 7 }]);
    await outcomes.publishOutcomes('mine', [outcome]);
    expect(await result).toEqual(outcome);
    waiters.close();
  });

  test('more outcomes than one message holds all arrive', async () => {
    const waiters = await createOutcomeWaiters(system.services);
    const ids = Array.from({ length: 300 }, () => randomUUID());
    const tenant = `a${'-longest-name'.repeat(2)}-31`.padEnd(31, 'x');
    const results = ids.map((id) => waiters.start(tenant, id).result(10_000));
    // The longest that there are.
    const longest = { amount: Number.MAX_SAFE_INTEGER, balanceAfter: Number.MAX_SAFE_INTEGER };
    const all = ids.map((id): Outcome => {
      const walletVersion = Number.MAX_SAFE_INTEGER;
      const reason = 'bonus_not_transferable';
      return {
        id,
        status: 'rejected',
        reason,
        walletVersion,
        settledAt: new Date().toISOString(),
        ...longest,
      };
    });
    await system.services.outcomes.publishOutcomes(tenant, all);
    const again = setInterval(() => void system.services.outcomes.publishOutcomes(tenant, all), 500);
    expect(await Promise.all(results)).toEqual(all);
    clearInterval(again);
    waiters.close();
  });
});
