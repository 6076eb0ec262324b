// Run again, concurrently, after the end: nothing changes. Sent three times with its key: one operation.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, grant, integrity, registerUser } from '#tests/support/client.ts';
import { settledAll, storedBalances, storedOperations } from '#tests/support/ledger-view.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { createSettler } from '#workers/coalescer.ts';

let system: System | undefined;
afterEach(async () => {
  await system?.close();
  system = undefined;
});

describe.each(backends)('on $name', (backend) => {
  test('jobs that run again, concurrently, change nothing', { timeout: 60_000 }, async () => {
    system = await startSystem(`again_${backend.name}`, { backend });
    const { url, services, database } = system;
    const tenant = await createTenant(url, uniqueSlug('again'));
    const user = await registerUser(url, tenant);
    await grant(url, tenant, user.id, 1000);
    const ids: string[] = [];
    for (let n = 0; n < 60; n += 1) {
      const answer = await call('POST', `${url}/wallet/spend`, {
        token: user.token,
        key: randomUUID(),
        body: { amount: 20 },
      });
      expect(answer.status).toBe(202);
      ids.push(answer.body.id);
    }
    await settledAll(database.url, tenant.slug);
    const before = await storedOperations(database.url, tenant.slug);
    expect([...before.values()].filter((each) => each.status === 'rejected')).toHaveLength(10);

    // The same jobs three times through the queue, and by four settlers at once beside it.
    const wakeUps = ids.map((id) => ({ queue: 'spend' as const, kind: 'spend', id, notify: true }));
    for (let n = 0; n < 3; n += 1) await services.producer.wakeOperations(tenant.slug, wakeUps);
    const settlers = Array.from({ length: 4 }, () => createSettler(services));
    await Promise.all(
      settlers.flatMap((settler) => ids.map((id) => settler.settle(tenant.slug, [id], { notify: false }))),
    );
    const queue = services.producer.queue('spend', 0);
    await expect
      .poll(async () => await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized'), {
        timeout: 20_000,
      })
      .toMatchObject({ waiting: 0, active: 0, delayed: 0 });

    expect(await storedOperations(database.url, tenant.slug)).toEqual(before);
    expect(await storedBalances(database.url, tenant.slug)).toEqual(new Map([[user.id, 0]]));
    expect((await integrity(url, tenant.slug)).body.ok).toBe(true);
  });

  test('a request sent three times at once with its key is one operation', { timeout: 60_000 }, async () => {
    system = await startSystem(`thrice_${backend.name}`, { backend });
    const { url, database } = system;
    const tenant = await createTenant(url, uniqueSlug('thrice'));
    const user = await registerUser(url, tenant);
    await grant(url, tenant, user.id, 1000);
    const spend = (key: string, amount: number) =>
      call('POST', `${url}/wallet/spend`, { token: user.token, key, wait: 10, body: { amount } });
    for (let n = 0; n < 20; n += 1) {
      const key = randomUUID();
      const answers = await Promise.all([spend(key, 10), spend(key, 10), spend(key, 10)]);
      expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201]);
      expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
      expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true')).toHaveLength(
        2,
      );
      expect((await spend(key, 11)).body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    }
    expect((await storedOperations(database.url, tenant.slug)).size).toBe(21);
    expect(await storedBalances(database.url, tenant.slug)).toEqual(new Map([[user.id, 800]]));
  });
});
