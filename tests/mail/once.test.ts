// One cause, one mail: through refusals, lost connections, jobs that run twice, and processes that die.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { findMail } from '#shared/db/mails.ts';
import { addTenant, addUser, emailJob, type MailGround, openMailGround } from '#tests/support/mail-ground.ts';
import { startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { until } from '#tests/support/until.ts';
import { processEmail } from '#workers/email.ts';
import { createMailer } from '#workers/mail/mailer.ts';
import { JobFailed } from '#workers/worker.ts';

let smtp: TestSmtp;
let ground: MailGround;
let job: EmailJob;

beforeAll(async () => {
  smtp = await startSmtp();
  ground = await openMailGround('mail once', { smtpUrl: smtp.url });
  await addTenant(ground.services, 'play');
});

afterAll(async () => {
  await ground?.close();
  await smtp?.close();
});

beforeEach(async () => {
  smtp.turns = [];
  smtp.mails.length = 0;
  smtp.arrived.length = 0;
  job = emailJob('play', await addUser(ground.services, 'play'));
});

const run = (changed: Partial<EmailJob> = {}) => processEmail(ground.deps, { ...job, ...changed });
const mail = () => findMail(ground.services.db.app, job.tenant, job.cause);
const status = async () => (await mail())?.status;

async function metric(result: string): Promise<number> {
  const { values } = await ground.services.metrics.mails.get();
  return (
    values.find(({ labels }) => labels.template === job.template && labels.result === result)?.value ?? 0
  );
}

/** Lets the lease of an attempt run out without waiting for it. */
const age = () =>
  ground.services.db.owner.query(
    "update coinlane.mails set updated_at = now() - interval '1 hour' where tenant = $1 and cause = $2",
    [job.tenant, job.cause],
  );

test('a job that runs again after its mail was sent sends nothing', async () => {
  await run();
  await run();
  await run({ resend: true });
  expect(smtp.mails).toHaveLength(1);
  expect(await status()).toBe('sent');
});

test('a server that says "later" gets the mail at the next attempt, once', async () => {
  smtp.turns = [
    { refuse: 451, at: 'recipient' },
    { refuse: 452, at: 'message' },
  ];
  await expect(run()).rejects.toMatchObject({ kind: 'temporary' });
  expect(await status()).toBe('waiting');
  await expect(run()).rejects.toMatchObject({ kind: 'temporary' });
  await run();
  await run();
  expect(smtp.mails).toHaveLength(1);
  expect(await mail()).toMatchObject({ status: 'sent', attempts: 3, detail: null });
});

test('a recipient who is refused for good fails the job at once, and an operator may retry it', async () => {
  smtp.turns = [{ refuse: 550, at: 'recipient' }];
  await expect(run()).rejects.toBeInstanceOf(JobFailed);
  expect(await mail()).toMatchObject({ status: 'failed', detail: expect.stringContaining('550') });
  await run();
  expect(smtp.mails).toHaveLength(1);
});

test('a connection lost before the message is handed over is tried again', async () => {
  smtp.turns = ['drop before message'];
  await expect(run()).rejects.toMatchObject({ kind: 'temporary' });
  await run();
  expect(smtp.arrived).toHaveLength(1);
  expect(await status()).toBe('sent');
});

test('a connection lost after the message was handed over leaves it in doubt, and it is not sent again', async () => {
  const before = await metric('in_doubt');
  smtp.turns = ['drop after message'];
  await expect(run()).rejects.toBeInstanceOf(JobFailed);
  expect(await status()).toBe('in_doubt');
  await expect(run()).rejects.toThrow('"resend": true');
  expect(smtp.arrived).toHaveLength(1);
  expect(await metric('in_doubt')).toBe(before + 1);
});

test('an operator who says so has a mail in doubt sent again, under the same Message-ID', async () => {
  smtp.turns = ['drop after message'];
  await expect(run()).rejects.toBeInstanceOf(JobFailed);
  await run({ resend: true });
  await run({ resend: true });
  expect(smtp.mails).toHaveLength(1);
  const ids = smtp.arrived.map((arrived) => arrived.messageId);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
  await processEmail(ground.deps, emailJob('play', String(job.userId)));
  expect(smtp.mails[1]?.messageId).not.toBe(ids[0]);
});

test('two jobs of one cause at the same time make one mail', async () => {
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => run()));
  expect(results.filter((result) => result.status === 'fulfilled').length).toBeGreaterThan(0);
  for (const result of results) {
    // Those that came second are tried again later, and then find the mail sent.
    if (result.status === 'rejected') expect(result.reason).not.toBeInstanceOf(JobFailed);
  }
  await run();
  expect(smtp.arrived).toHaveLength(1);
});

test('a process killed between sending and noting it leaves the mail in doubt, and it is not sent again', async () => {
  smtp.turns = ['hang'];
  const script = fileURLToPath(new URL('../support/send-mail-process.ts', import.meta.url));
  const given = JSON.stringify({ databaseUrl: ground.databaseUrl, smtpUrl: smtp.url, job });
  const child = spawn(process.execPath, [script, given], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await until('the message to arrive', () => smtp.arrived.length === 1);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  expect(await status()).toBe('sending');
  // Right after, it could still be somebody at work: the job is to come back.
  await expect(run()).rejects.not.toBeInstanceOf(JobFailed);
  await age();
  await expect(run()).rejects.toBeInstanceOf(JobFailed);
  expect(await status()).toBe('in_doubt');
  expect(smtp.arrived).toHaveLength(1);
});

test('an attempt that was given up as dead and ends well after all settles the doubt', async () => {
  const gate = Promise.withResolvers<void>();
  const slow = { ...ground.deps, mailer: { ...ground.deps.mailer, send: () => gate.promise } };
  const first = processEmail(slow, job);
  await until('the claim', async () => (await status()) === 'sending');
  await age();
  await expect(run()).rejects.toBeInstanceOf(JobFailed);
  gate.resolve();
  await first;
  expect(await status()).toBe('sent');
});

test('a server that takes the message and never answers is cut off, and leaves it in doubt', async () => {
  smtp.turns = ['hang'];
  const mailer = createMailer(ground.services.config, ground.services.log, 500);
  await expect(processEmail({ ...ground.deps, mailer }, job)).rejects.toBeInstanceOf(JobFailed);
  await mailer.close();
  expect(await status()).toBe('in_doubt');
  expect(smtp.arrived).toHaveLength(1);
});

describe('nobody gets a mail', () => {
  test('when the tenant sends none', async () => {
    await addTenant(ground.services, 'quiet', { mail: { enabled: false } });
    const userId = await addUser(ground.services, 'quiet');
    job = emailJob('quiet', userId);
    await run();
    expect(await mail()).toMatchObject({ status: 'skipped', detail: 'the tenant sends no mail' });
  });

  test('when the user has no address, or is gone', async () => {
    for (const user of [{ email: null }, { status: 'erased' }]) {
      job = emailJob('play', await addUser(ground.services, 'play', user));
      await run();
      expect(await status()).toBe('skipped');
    }
    expect(smtp.arrived).toHaveLength(0);
  });
});

test('a mail that can never be made fails at once and is seen', async () => {
  job = {
    ...job,
    template: 'purchase_receipt',
    data: { operationId: '0199c8a0-0000-7000-8000-000000000000' },
  };
  await expect(run()).rejects.toThrow('there is no such operation');
  expect(await status()).toBe('failed');
  job = emailJob('play', String(job.userId), 'welcome', { sealedToken: 'v1.0.0.0' });
  const failure = await run().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(JobFailed);
  expect(smtp.arrived).toHaveLength(0);
});

describe('without a usable server, mails wait', () => {
  const runWith = (url: string | undefined) => {
    const mailer = createMailer({ SMTP_URL: url, MAIL_FROM: undefined }, ground.services.log);
    return processEmail({ ...ground.deps, mailer }, job).finally(() => mailer.close());
  };

  test('when none is set', async () => {
    await expect(runWith(undefined)).rejects.toMatchObject({ kind: 'temporary' });
    expect(await status()).toBe('waiting');
  });

  test('when nobody listens', async () => {
    await expect(runWith('smtp://127.0.0.1:9')).rejects.toMatchObject({ kind: 'temporary' });
    expect(await status()).toBe('waiting');
    await run();
    expect(smtp.mails).toHaveLength(1);
  });

  test('when it never says a word', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const mailer = createMailer(
      { SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM: undefined },
      ground.services.log,
      300,
    );
    await expect(processEmail({ ...ground.deps, mailer }, job)).rejects.toMatchObject({ kind: 'temporary' });
    await mailer.close();
    silent.close();
    expect(await status()).toBe('waiting');
  });

  test('when the login is refused: that is about the settings, not the mail', async () => {
    const strict = await startSmtp({ refuseLogin: true });
    const failure = await runWith(strict.url.replace('smtp://', 'smtp://user:wrong@')).catch(
      (error) => error,
    );
    await strict.close();
    expect(failure).toMatchObject({ kind: 'temporary', message: expect.stringContaining('535') });
    expect(await status()).toBe('waiting');
  });
});
