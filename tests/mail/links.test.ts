// Mails with links: whoever gets one has a link that works, however often and in whatever order they were tried.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { lockUserByEmail } from '#shared/db/identity.ts';
import { insertMailToken } from '#shared/db/mail-tokens.ts';
import { findMail } from '#shared/db/mails.ts';
import { withTenant } from '#shared/db/pool.ts';
import { mailSealContext, newMailToken, readMailToken } from '#shared/tenants/mail-tokens.ts';
import { addTenant, addUser, emailJob, type MailGround, openMailGround } from '#tests/support/mail-ground.ts';
import { type ReceivedMail, startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { until } from '#tests/support/until.ts';
import { processEmail } from '#workers/email.ts';
import { JobFailed } from '#workers/worker.ts';

let smtp: TestSmtp;
let ground: MailGround;

beforeAll(async () => {
  smtp = await startSmtp();
  ground = await openMailGround('mail links', { smtpUrl: smtp.url });
  await addTenant(ground.services, 'play');
});
afterAll(async () => {
  await ground?.close();
  await smtp?.close();
});
beforeEach(() => {
  smtp.turns = [];
  smtp.mails.length = 0;
  smtp.arrived.length = 0;
});

type Asked = 'reset_password' | 'verify_email' | 'account_exists';
const seal = (text: string, userId: string | null = null) =>
  ground.services.keyring.seal(text, mailSealContext('play', userId));
/** Asked for now, or so many seconds ago. */
const askFor = (address: string, secondsAgo = 0, template: Asked = 'reset_password'): EmailJob => ({
  ...emailJob('play', '', template, {
    askedAt: new Date(Date.now() - secondsAgo * 1000).toISOString(),
    sealedTo: seal(address),
  }),
  userId: null,
});
const run = (job: EmailJob, changed: Partial<EmailJob> = {}) =>
  processEmail(ground.deps, { ...job, ...changed });
const rows = (text: string, values: unknown[] = []) =>
  withTenant(ground.services.db.app, 'play', async (tx) => (await tx.query(text, values)).rows);
const mail = (job: EmailJob) => findMail(ground.services.db.app, job.tenant, job.cause);
const tokenIn = (received: ReceivedMail | undefined) =>
  decodeURIComponent(/token=(\S+)/.exec(received?.text ?? '')?.[1] ?? '');
const isGood = async (token: string) =>
  (
    await rows('select 1 from mail_tokens where hash = $1 and used_at is null and expires_at > now()', [
      readMailToken(token)?.hash,
    ])
  ).length === 1;

let counter = 0;
async function newUser(status = 'active') {
  counter += 1;
  const email = `reader${counter}@users.example`;
  return { email, id: await addUser(ground.services, 'play', { email, status }) };
}

describe('a mail with a link', () => {
  test('that is tried again carries the same link, so that each copy that arrives works', async () => {
    const { email } = await newUser();
    const job = askFor(email);
    smtp.turns = [{ refuse: 451, at: 'message' }, 'drop after message'];
    await expect(run(job)).rejects.toMatchObject({ kind: 'temporary' });
    await expect(run(job)).rejects.toBeInstanceOf(JobFailed);
    expect((await mail(job))?.status).toBe('in_doubt');
    await run(job, { resend: true });
    const tokens = smtp.arrived.map(tokenIn);
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens).size).toBe(1);
    expect(await isGood(tokens[0] ?? '')).toBe(true);
  });

  test('works for its whole time from the attempt that arrived', async () => {
    const { email, id } = await newUser();
    const job = askFor(email, 600);
    smtp.turns = [{ refuse: 451, at: 'message' }];
    await expect(run(job)).rejects.toMatchObject({ kind: 'temporary' });
    await rows(`update mail_tokens set expires_at = now() + interval '1 minute' where user_id = $1`, [id]);
    await run(job);
    const [row] = await rows(
      `select expires_at > now() + interval '29 minutes' as whole from mail_tokens where user_id = $1`,
      [id],
    );
    expect(row?.whole).toBe(true);
  });

  test('24 ends the links of the mails before, and an older one that comes later is not sent', async () => {
    const { email } = await newUser();
    const [older, newer] = [askFor(email, 10), askFor(email, 5)];
    smtp.turns = [{ refuse: 451, at: 'message' }];
    await expect(run(older)).rejects.toMatchObject({ kind: 'temporary' });
    await run(newer);
    await run(older);
    await run(askFor(email, 20));
    expect(smtp.mails).toHaveLength(1);
    expect((await mail(older))?.status).toBe('skipped');
    expect(await isGood(tokenIn(smtp.mails[0]))).toBe(true);
    expect(await isGood(tokenIn(smtp.arrived[0]))).toBe(false);
    await run(askFor(email));
    expect(await isGood(tokenIn(smtp.mails[0]))).toBe(false);
    expect(await isGood(tokenIn(smtp.mails[1]))).toBe(true);
  });

  test('is not sent again after its link was used', async () => {
    const { email, id } = await newUser();
    const job = askFor(email);
    smtp.turns = ['drop after message'];
    await expect(run(job)).rejects.toBeInstanceOf(JobFailed);
    await rows('update mail_tokens set used_at = now() where user_id = $1', [id]);
    await run(job, { resend: true });
    expect(smtp.mails).toHaveLength(0);
  });

  test('21 waits for another of the same user that is being made, and ends its link', async () => {
    const { email, id } = await newUser();
    const { db } = ground.services;
    const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    let newer: Promise<void> | undefined;
    await withTenant(db.app, 'play', async (tx) => {
      await lockUserByEmail(tx, email);
      const purpose = 'reset_password';
      const { hash } = newMailToken('play');
      await insertMailToken(tx, { hash, userId: id, purpose, email, lifetimeSeconds: 60 });
      let isDone = false;
      newer = run(askFor(email, -1)).finally(() => {
        isDone = true;
      });
      await until('the newer to wait', async () => isDone || (await db.owner.query(waits)).rowCount);
    });
    await newer;
    const open = await rows('select hash from mail_tokens where user_id = $1 and used_at is null', [id]);
    expect(open).toEqual([{ hash: readMailToken(tokenIn(smtp.mails[0]))?.hash }]);
  });

  test('that was asked for more than a day ago is not sent', async () => {
    const { email } = await newUser();
    await run(askFor(email, 25 * 3600));
    expect(smtp.mails).toHaveLength(0);
  });
});

describe('nobody is written to', () => {
  test.each(['banned', 'erased'])('8 forgot: whose account is %s', async (status) => {
    const { email } = await newUser(status);
    const job = askFor(email);
    await run(job);
    expect((await mail(job))?.status).toBe('skipped');
    expect(smtp.arrived).toHaveLength(0);
  });

  test('8 forgot: who has no account, and the mail’s row does not hold the address', async () => {
    const job = askFor('nobody@users.example');
    await run(job);
    const found = await mail(job);
    expect(found).toMatchObject({ status: 'skipped', template: 'reset_password' });
    expect(JSON.stringify(found)).not.toContain('nobody@');
  });

  test('who is verified already, by the mail that verifies', async () => {
    const { email, id } = await newUser();
    await rows('update users set email_verified_at = now() where id = $1', [id]);
    await run(askFor(email, 0, 'verify_email'));
    expect(smtp.arrived).toHaveLength(0);
  });

  test('by what was sealed for somebody else, or moved to another tenant', async () => {
    const { email, id } = await newUser();
    const jobs = [
      { ...askFor(email), data: { sealedTo: seal(email, id) } },
      { ...askFor(email), data: {} },
      { ...emailJob('play', id, 'email_changed', { sealedTo: seal(email) }) },
      { ...emailJob('play', id, 'change_email', { sealedToken: seal('vt_play_x', id) }) },
      { ...emailJob('play', id, 'change_email') },
    ];
    for (const job of jobs) await expect(run(job)).rejects.toBeInstanceOf(JobFailed);
    expect(smtp.arrived).toHaveLength(0);
  });
});
