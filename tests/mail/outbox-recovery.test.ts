// The outbox when its world breaks: Postgres restarts, and a consumer dies with events in its hands.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { withTenant } from '#shared/db/pool.ts';
import { addTenant, addUser, emailJob, type MailGround, openMailGround } from '#tests/support/mail-ground.ts';
import { startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { until } from '#tests/support/until.ts';
import { processEmail } from '#workers/email.ts';
import { startRelay } from '#workers/relay.ts';
import { startWorkers } from '#workers/worker.ts';
import { type EmbeddedPostgres, startPostgres } from '../../scripts/embedded/postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'coinlane-outbox-'));
let postgres: EmbeddedPostgres;
let smtp: TestSmtp;
let ground: MailGround;
let userId: string;
let relay: { close(): Promise<void> };
let workers: Worker[] = [];

const start = () => startPostgres({ dataDir: join(folder, 'postgres'), log: () => undefined });

beforeAll(async () => {
  // Started by root, Postgres runs as another user, who must pass through.
  chmodSync(folder, 0o711);
  postgres = await start();
  smtp = await startSmtp();
  ground = await openMailGround('recovery', { smtpUrl: smtp.url, databaseUrl: postgres.url });
  await addTenant(ground.services, 'play');
  userId = await addUser(ground.services, 'play');
  relay = await startRelay(ground.services);
  workers = startWorkers<EmailJob>(ground.services, 'email', (job) => processEmail(ground.deps, job));
});

afterAll(async () => {
  await relay?.close();
  await Promise.all(workers.map((worker) => worker.close()));
  await ground?.close();
  await smtp?.close();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const emitMail = () =>
  withTenant(ground.services.db.app, 'play', (tx) =>
    ground.services.outbox.emit(tx, [{ queue: 'email', job: emailJob('play', userId) }]),
  );

test('after Postgres was restarted events go on becoming mails', async () => {
  await emitMail();
  await smtp.received(1);
  const { port } = postgres;
  await postgres.stop();
  await expect(emitMail()).rejects.toThrow();
  postgres = await start();
  expect(postgres.port).toBe(port);
  await until('a transaction to work again', () =>
    emitMail().then(
      () => true,
      () => false,
    ),
  );
  await smtp.received(2);
}, 60_000);

test('events in the hands of a consumer that died come back within a minute', async () => {
  await relay.close();
  const before = smtp.mails.length;
  await emitMail();
  const taken = await ground.services.db.owner.query(
    `update pgboss.job set state = 'active', started_on = now() - interval '31 seconds'
     where name = 'outbox' and state = 'created'`,
  );
  expect(taken.rowCount).toBe(1);
  relay = await startRelay(ground.services);
  await until('the mail', () => smtp.mails.length === before + 1, 55_000);
}, 60_000);
