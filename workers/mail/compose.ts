// Reads what a mail tells, at the time it is sent, and makes the message.
import { createHash } from 'node:crypto';
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { findMailRecipient, findReceipt, type MailRecipient, type ReceiptRow } from '#shared/db/mails.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { WorkerDeps } from '../context.ts';
import { plainLine } from './format.ts';
import { type MailContent, renderBodies } from './layout.ts';
import type { OutgoingMail } from './mailer.ts';
import { type Platform, passwordChanged, purchaseReceipt, refundReceipt, welcome } from './templates.ts';

export type ComposeDeps = Pick<WorkerDeps, 'config' | 'db' | 'keyring' | 'tenants'>;

/** `unsent`: nobody is to get this mail, as things are now. `impossible`: it cannot be made, now or later. */
export type Composed = { mail: OutgoingMail } | { unsent: string } | { impossible: string };

/** @throws when the database is away */
export async function composeMail(deps: ComposeDeps, job: EmailJob): Promise<Composed> {
  const tenant = await deps.tenants.find(job.tenant);
  if (!tenant) return { unsent: 'the tenant is gone' };
  if (!tenant.settings.mail.enabled) return { unsent: 'the tenant sends no mail' };
  const { operationId } = job.data;
  const needsReceipt = job.template === 'purchase_receipt' || job.template === 'refund_receipt';
  const { recipient, receipt } = await withTenant(deps.db.app, job.tenant, async (tx) => ({
    recipient: job.userId === null ? undefined : await findMailRecipient(tx, job.userId),
    receipt: needsReceipt ? await findReceipt(tx, String(operationId)) : undefined,
  }));
  if (!recipient || recipient.status === 'erased') return { unsent: 'the user is gone' };
  if (recipient.email === null) return { unsent: 'the user has no address' };
  const platform = {
    name: plainLine(tenant.name),
    coin: { name: plainLine(tenant.coin.name), symbol: plainLine(tenant.coin.symbol) },
  };
  const content = contentOf(deps, job, platform, recipient, receipt);
  if (typeof content === 'string') return { impossible: content };
  const reason = `You get this mail because this address belongs to an account at ${platform.name}.`;
  return {
    mail: {
      to: recipient.email,
      fromName: tenant.settings.mail.fromName ?? platform.name,
      replyTo: tenant.settings.mail.replyTo,
      subject: content.subject,
      ...renderBodies(content, platform.name, reason),
      messageKey: messageKey(job),
      // RFC 3834 section 5: keeps vacation notices and the like from answering.
      headers: { 'Auto-Submitted': 'auto-generated' },
    },
  };
}

/** The content, or why there is none. */
function contentOf(
  deps: ComposeDeps,
  job: EmailJob,
  platform: Platform,
  recipient: MailRecipient,
  receipt: ReceiptRow | undefined,
): MailContent | string {
  switch (job.template) {
    case 'welcome': {
      const { sealedToken } = job.data;
      if (typeof sealedToken !== 'string') return welcome(platform, recipient.name, undefined);
      const token = openToken(deps, job, sealedToken);
      if (token === undefined) return 'the token of its link cannot be opened with the keys of this process';
      const url = `${deps.config.publicUrl}/verify-email?token=${encodeURIComponent(token)}`;
      return welcome(platform, recipient.name, url);
    }
    case 'purchase_receipt':
      return receipt ? purchaseReceipt(platform, recipient.name, receipt) : 'there is no such operation';
    case 'refund_receipt':
      return receipt ? refundReceipt(platform, recipient.name, receipt) : 'there is no such operation';
    case 'password_changed':
      return passwordChanged(platform, recipient.name, changedAt(job));
    default:
      return `there is no template ${String(job.template)}`;
  }
}

function openToken(deps: ComposeDeps, job: EmailJob, sealed: string): string | undefined {
  try {
    return deps.keyring.open(sealed, `mail/${job.tenant}/${job.userId}`);
  } catch {
    // The reason could hold part of the value; that it failed says enough.
    return undefined;
  }
}

/** `at` may come with the event, as ISO 8601; the mail follows within seconds otherwise. */
function changedAt({ data }: EmailJob): Date {
  const given = typeof data.at === 'string' ? new Date(data.at) : new Date();
  return Number.isNaN(given.getTime()) ? new Date() : given;
}

/** The same for every attempt of a cause: mail programs show a second copy as the first one. */
function messageKey({ tenant, cause }: EmailJob): string {
  const digest = createHash('sha256').update(`${tenant}\n${cause}`).digest('hex').slice(0, 40);
  return `${digest}.${tenant}`;
}
