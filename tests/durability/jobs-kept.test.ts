// Jobs that ended are there to be looked at for a while, and do not pile up.
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, eventually, grant, registerUser } from '#tests/support/client.ts';
import { withOwner } from '#tests/support/ledger-view.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';

let system: System;
afterEach(() => system?.close());

const postgres = backends.find(({ name }) => name === 'postgres')!;
const minutes = (count: number) => count * 60_000;

test('in Postgres, completed jobs leave after five minutes with the next one that ends, and failed ones stay', async () => {
  system = await startSystem('jobs_kept', { backend: postgres });
  const { url, services, database } = system;
  const tenant = await createTenant(url, uniqueSlug('kept'));
  const user = await registerUser(url, tenant);
  const queue = services.producer.queue('spend', 0);
  const completed = async () => (await queue.getCompleted(0, -1)).map(({ id }) => id);
  const spend = () =>
    call('POST', `${url}/wallet/spend`, {
      token: user.token,
      key: randomUUID(),
      wait: 10,
      body: { amount: 1 },
    });
  const age = (ms: number, set = '') =>
    withOwner(database.url, (client) =>
      client.query(
        `update bullmq.job set finished_at_ms = finished_at_ms - $1 ${set} where state = 'completed'`,
        [ms],
      ),
    );

  expect((await grant(url, tenant, user.id, 10)).status).toBe(201);
  await eventually('the grant to be done', async () => (await completed()).length === 1);
  await age(minutes(60 * 24 * 13), `, state = 'failed'`);
  await spend();
  await eventually('the spend to be done', async () => (await completed()).length === 1);
  await age(minutes(4));
  await spend();
  const both = await eventually('another to be done', async () => {
    const ids = await completed();
    return ids.length === 2 && ids;
  });
  await age(minutes(2));
  await spend();
  // Read in two steps, ids and then jobs: for a moment it may lack both.
  const left = await eventually('the third to be done', async () => {
    const ids = await completed();
    return ids.some((id) => !both.includes(id)) && ids;
  });
  expect(left).toEqual([expect.any(String), both[0]]);
  expect(await queue.getFailedCount()).toBe(1);
});
