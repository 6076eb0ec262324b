// Sends the mail of one cause, once (docs/decisions/0004-mail-once.md): taken before it is sent, settled after.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { classifyFault } from '#shared/db/faults.ts';
import {
  claimMail,
  doubtStaleMail,
  findMail,
  finishMail,
  type MailStatus,
  recordUnsentMail,
} from '#shared/db/mails.ts';
import type { WorkerDeps } from './context.ts';
import { type ComposeDeps, composeMail } from './mail/compose.ts';
import { MailFailure, type OutgoingMail, sendMsMax } from './mail/mailer.ts';
import { JobFailed } from './worker.ts';

export type EmailDeps = ComposeDeps & Pick<WorkerDeps, 'log' | 'mailer' | 'metrics'>;

/** An attempt that has not ended after this time has died: twice what sending may take. */
const leaseSeconds = (2 * sendMsMax) / 1000;
/** How long the outcome of a sent mail is offered to a database that is away; within the lease. */
const recordMsMax = 30_000;

/**
 * Sends, or finds that there is nothing to send.
 * @throws JobFailed when trying again makes no sense; anything else is to be tried again
 */
export async function processEmail(deps: EmailDeps, job: EmailJob): Promise<void> {
  const composed = await composeMail(deps, job);
  if ('mail' in composed) return sendOnce(deps, job, composed.mail);
  const status = 'unsent' in composed ? 'skipped' : 'failed';
  const detail = 'unsent' in composed ? composed.unsent : composed.impossible;
  await recordUnsentMail(deps.db.app, { ...keyOf(job), template: job.template, status, detail });
  report(deps, job, status, detail);
  if (status === 'failed') throw new JobFailed(`the mail cannot be made: ${detail}`);
}

const keyOf = ({ tenant, cause }: EmailJob) => ({ tenant, cause });

async function sendOnce(deps: EmailDeps, job: EmailJob, mail: OutgoingMail): Promise<void> {
  const claim = randomUUID();
  const resend = job.resend === true;
  // Committed before the first byte goes out: a process that dies from here on leaves a trace.
  if (!(await claimMail(deps.db.app, { ...keyOf(job), template: job.template, claim, resend }))) {
    return explainTaken(deps, job);
  }
  try {
    await deps.mailer.send(mail);
  } catch (error) {
    return settleFailure(deps, job, claim, error);
  }
  await finish(deps, job, claim, 'sent', null);
}

/** Why this attempt did not get the mail. */
async function explainTaken(deps: EmailDeps, job: EmailJob): Promise<void> {
  if (await doubtStaleMail(deps.db.app, keyOf(job), leaseSeconds)) {
    report(deps, job, 'in_doubt', 'the process that was sending it died');
  }
  const found = await findMail(deps.db.app, job.tenant, job.cause);
  if (found?.status === 'sent' || found?.status === 'skipped') return;
  if (found?.status === 'in_doubt') throw inDoubt();
  // Another attempt has it now: look again later.
  throw new Error(`the mail is ${found?.status ?? 'gone'}; another attempt has it`);
}

const inDoubt = () =>
  new JobFailed(
    'the mail may have been sent: it is not sent again by itself. If it did not arrive, put "resend": true into ' +
      "this job's data and retry the job",
  );

async function settleFailure(deps: EmailDeps, job: EmailJob, claim: string, error: unknown): Promise<void> {
  // What is not a MailFailure is a bug of ours, and then nobody knows how far it came.
  const kind = error instanceof MailFailure ? error.kind : 'in_doubt';
  const detail = error instanceof Error ? error.message : String(error);
  const status = ({ temporary: 'waiting', permanent: 'failed', in_doubt: 'in_doubt' } as const)[kind];
  await finish(deps, job, claim, status, detail);
  if (kind === 'temporary') throw error;
  throw kind === 'permanent' ? new JobFailed(`the mail was refused: ${detail}`) : inDoubt();
}

/** Writes the outcome, also when the database is away for a moment: it would leave the mail in doubt. */
async function finish(
  deps: EmailDeps,
  job: EmailJob,
  claim: string,
  status: MailStatus,
  detail: string | null,
): Promise<void> {
  const deadline = performance.now() + recordMsMax;
  for (;;) {
    try {
      await finishMail(deps.db.app, { ...keyOf(job), claim, status, detail });
      break;
    } catch (error) {
      if (classifyFault(error) === 'statement' || performance.now() > deadline) {
        deps.log.error({ err: error, ...keyOf(job), status }, 'how a mail ended could not be recorded');
        throw error;
      }
      await sleep(500);
    }
  }
  report(deps, job, status, detail);
}

function report({ log, metrics }: EmailDeps, job: EmailJob, status: MailStatus, detail: string | null): void {
  // Anybody may ask for such a mail: whether there was anybody to send it to stays in the mails table.
  const isSecret = job.userId === null && (status === 'sent' || status === 'skipped');
  metrics.mails.labels(job.template, isSecret ? 'handled' : status).inc();
  const told = isSecret ? {} : { status, detail };
  const about = { ...keyOf(job), template: job.template, ...told };
  if (status === 'in_doubt')
    log.warn({ ...about, alert: 'mail_in_doubt' }, 'a mail may or may not have been sent');
  else if (status === 'failed') log.warn(about, 'a mail was not sent');
  else log.info(about, 'a mail was handled');
}
