// From a transaction to a mail: outbox, relay, BullMQ and SMTP together, on both queue backends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OutboxEvent } from '#shared/contracts/events.ts';
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { withTenant } from '#shared/db/pool.ts';
import { shardOf } from '#shared/queue/producer.ts';
import { addTenant, addUser, emailJob, type MailGround, openMailGround } from '#tests/support/mail-ground.ts';
import { startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { until } from '#tests/support/until.ts';
import { processEmail } from '#workers/email.ts';
import { startRelay } from '#workers/relay.ts';
import { startWorkers } from '#workers/worker.ts';
import { type EmbeddedRedis, startRedis } from '../../scripts/embedded/redis.ts';

describe.each(['postgres', 'redis'] as const)('on %s', (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'coinlane-relay-'));
  let redis: EmbeddedRedis | undefined;
  let missing: string | undefined;
  let smtp: TestSmtp;
  let ground: MailGround;
  let userId: string;
  let relay: { close(): Promise<void> } | undefined;
  let workers: Worker[] = [];

  beforeAll(async () => {
    if (kind === 'redis') {
      const started = await startRedis({ dir: folder, appendonly: true });
      if ('missing' in started) {
        missing = started.missing;
        return;
      }
      redis = started;
    }
    smtp = await startSmtp();
    ground = await openMailGround(`relay ${kind}`, { smtpUrl: smtp.url, redisUrl: redis?.url });
    await addTenant(ground.services, 'play');
    userId = await addUser(ground.services, 'play');
  });

  afterAll(async () => {
    await ground?.close();
    await smtp?.close();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async (context) => {
    if (missing !== undefined) context.skip(missing);
    smtp.mails.length = 0;
    relay = await startRelay(ground.services);
  });

  afterEach(async () => {
    await relay?.close();
    await Promise.all(workers.map((worker) => worker.close()));
    workers = [];
    await ground?.services.db.owner.query("delete from pgboss.job where name = 'outbox'");
    await queue()?.obliterate({ force: true });
  });

  const queue = () => ground?.services.producer.queue('email', shardOf('play', 1));
  const takeMail = async () => {
    workers = startWorkers<EmailJob>(ground.services, 'email', (job) => processEmail(ground.deps, job));
    // A worker whose first contact fails never works; these tests are about what comes later.
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  };
  const emit = (events: OutboxEvent[]) =>
    withTenant(ground.services.db.app, 'play', (tx) => ground.services.outbox.emit(tx, events));
  const mailEvent = (): OutboxEvent => ({ queue: 'email', job: emailJob('play', userId) });

  async function outboxStates(): Promise<string[]> {
    const { rows } = await ground.services.db.owner.query<{ state: string }>(
      "select state::text from pgboss.job where name = 'outbox' order by created_on",
    );
    return rows.map((row) => row.state);
  }

  test('an event of a committed transaction becomes one mail', async () => {
    await takeMail();
    await emit([mailEvent(), mailEvent(), mailEvent()]);
    await smtp.received(3);
    await until('the outbox to be done', async () =>
      (await outboxStates()).every((state) => state === 'completed'),
    );
    expect(smtp.mails).toHaveLength(3);
  });

  test('an event is taken when it is committed, not when somebody looks next', async () => {
    const waits: number[] = [];
    for (let count = 1; count <= 5; count += 1) {
      const started = performance.now();
      await emit([mailEvent()]);
      await until('the job', async () => (await queue()?.getJobCountByTypes('waiting')) === count);
      waits.push(performance.now() - started);
    }
    const median = waits.sort((a, b) => a - b)[2];
    expect(median).toBeLessThan(500);
  });

  test('an event of a transaction that was rolled back sends nothing', async () => {
    await takeMail();
    const undone = withTenant(ground.services.db.app, 'play', async (tx) => {
      await ground.services.outbox.emit(tx, [mailEvent()]);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await emit([mailEvent()]);
    await smtp.received(1);
    expect(await outboxStates()).toHaveLength(1);
    expect(smtp.mails).toHaveLength(1);
  });

  test('an event that is seen twice is one job', async () => {
    await emit([mailEvent()]);
    await until('the event to be done', async () => (await outboxStates())[0] === 'completed');
    // As if the relay had died between the queue's answer and noting it.
    await ground.services.db.owner.query(
      "update pgboss.job set state = 'created', started_on = null, completed_on = null where name = 'outbox'",
    );
    await until('the event to be done again', async () => (await outboxStates())[0] === 'completed');
    expect(await queue()?.getJobCountByTypes('waiting')).toBe(1);
  });

  test('while the queue is down events wait, and each becomes one mail when it is back', async () => {
    await takeMail();
    await breakQueue();
    const events = Array.from({ length: 5 }, mailEvent);
    await emit(events);
    await until('a failed attempt', async () => (await outboxStates()).every((state) => state === 'retry'));
    await mendQueue();
    await smtp.received(5);
    await until('the outbox to be done', async () =>
      (await outboxStates()).every((state) => state === 'completed'),
    );
    expect(new Set(smtp.mails.map((mail) => mail.messageId)).size).toBe(5);
    expect(smtp.mails).toHaveLength(5);
  }, 60_000);

  test('an event that nobody understands waits alone', async () => {
    await takeMail();
    await emit([{ queue: 'carrier pigeon' } as unknown as OutboxEvent, mailEvent(), mailEvent()]);
    await smtp.received(2);
    const expected = ['completed', 'completed', 'retry'];
    await until('the states', async () => (await outboxStates()).sort().join() === expected.join());
  });

  test('a mail that the server delays is retried by its job until it is sent, once', async () => {
    await takeMail();
    smtp.turns = [{ refuse: 451, at: 'message' }];
    await emit([mailEvent()]);
    await smtp.received(1);
    expect(smtp.mails).toHaveLength(1);
  });

  async function breakQueue(): Promise<void> {
    if (redis) await redis.kill();
    else await ground.services.db.owner.query('alter schema bullmq rename to bullmq_away');
  }

  async function mendQueue(): Promise<void> {
    if (redis) await redis.restart();
    else await ground.services.db.owner.query('alter schema bullmq_away rename to bullmq');
  }
});
