// A worker is killed between the provider's deed and our commit of it: the next one pays nobody twice, and loses nothing.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { eventually } from '#tests/support/client.ts';
import { type RunningProcess, startWorker, stopAll } from '#tests/support/processes.ts';
import { type System, startSystem, testSettings } from '#tests/support/system.ts';
import { openStage, type Stage } from './ground.ts';

const backend = backends[0]!;
let system: System;
let stage: Stage;
let worker: RunningProcess;
const start = async () => {
  worker = await startWorker({ ...testSettings(system.database.url, 0, backend), PUBLIC_URL: system.url });
};
beforeAll(async () => {
  system = await startSystem('payouts_crash', { backend, workers: false });
  await start();
  stage = await openStage(system);
});
afterAll(async () => {
  await stopAll([worker]);
  await system?.close();
});

/** Holds something as a transaction of somebody else would. */
async function hold(text: string) {
  const client = new pg.Client({ connectionString: system.database.url });
  await client.connect();
  await client.query('begin');
  await client.query(text.replaceAll('$schema', `"tenant_${stage.tenant.slug}"`));
  return client;
}

test('it is looked for by its own id, and not sent again', async () => {
  const nora = await stage.addCreator(50);
  const network = await hold('lock table $schema.sandbox_payouts in exclusive mode');
  const { body } = await stage.pay(nora, 50);
  await eventually('it is sent', async () => (await stage.payout(body.id)).state === 'sent');
  const books = await hold(`select from $schema.payouts where operation_id = '${body.id}' for update`);
  await network.end();
  await eventually('the deed, and our commit to wait', async () => {
    const done = await stage.sql(`select from $schema.sandbox_payouts where payout_id = $1`, [body.id]);
    const waiting = await stage.sql(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return done.length > 0 && waiting.length > 0;
  });
  await worker.kill();
  await books.end();
  expect(await stage.payout(body.id)).toMatchObject({ state: 'sent', coins: 50 });
  // Time goes by, and the clock of the next worker finds what waits for too long.
  await stage.sql(`update $schema.payouts set updated_at = updated_at - interval '2 minutes'`);
  await start();
  await stage.until(body.id, 'paid');
  const job = { tenant: stage.tenant.slug, task: 'payout' as const, operationId: body.id };
  const jobKey = randomUUID();
  const { producer } = system.services;
  await producer.addProvider(job, jobKey);
  await eventually('the job', async () =>
    (await producer.queue('provider', 0).getJob(`${stage.tenant.slug}-${jobKey}`))?.isCompleted(),
  );
  expect(await stage.balance(nora)).toBe(0);
  const orders = await stage.sql(`select orders from $schema.sandbox_payouts where payout_id = $1`, [
    body.id,
  ]);
  expect(orders).toEqual([{ orders: 1 }]);
  await stage.expectWhole();
});
