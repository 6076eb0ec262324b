// Reads what a mail tells, at the time it is sent, and makes the message.
import { createHash } from 'node:crypto';
import type { EmailJob, MailTemplate } from '#shared/contracts/jobs.ts';
import { findReceipt, type ReceiptRow } from '#shared/db/mails.ts';
import { withTenant } from '#shared/db/pool.ts';
import { coinCalled } from '#shared/tenants/coin-settings.ts';
import type { WorkerDeps } from '../context.ts';
import {
  accountErased,
  accountExists,
  emailChanged,
  identityChanged,
  passwordChanged,
  secondFactorChanged,
  sessionReuse,
} from './account-templates.ts';
import { alertMail } from './alert-template.ts';
import { type Platform, plainLine } from './format.ts';
import { type MailContent, renderBodies } from './layout.ts';
import { changeEmail, resetPassword, verifyEmail, welcome } from './link-templates.ts';
import type { OutgoingMail } from './mailer.ts';
import { findReader, type NoReader, type Reader } from './reader.ts';
import { purchaseReceipt, refundReceipt } from './templates.ts';
import { topUpDisabled } from './top-up-template.ts';

export type ComposeDeps = Pick<WorkerDeps, 'config' | 'db' | 'keyring' | 'tenants'>;

export type Composed = { mail: OutgoingMail } | NoReader;

/** @throws when the database is away */
export async function composeMail(deps: ComposeDeps, job: EmailJob): Promise<Composed> {
  const tenant = await deps.tenants.find(job.tenant);
  if (!tenant) return { unsent: 'the tenant is gone' };
  if (!tenant.settings.mail.enabled) return { unsent: 'the tenant sends no mail' };
  const { operationId } = job.data;
  const needsReceipt = job.template === 'purchase_receipt' || job.template === 'refund_receipt';
  const { reader, receipt } = await withTenant(deps.db.app, job.tenant, async (tx) => ({
    reader: await findReader(tx, deps.keyring, job),
    receipt: needsReceipt ? await findReceipt(tx, String(operationId)) : undefined,
  }));
  if (!('address' in reader)) return reader;
  const coin = receipt?.coin ? coinCalled(tenant.coin, tenant.settings.coins, receipt.coin) : tenant.coin;
  const platform = {
    name: plainLine(tenant.name),
    coin: { name: plainLine(coin.name), symbol: plainLine(coin.symbol) },
  };
  const content = contentOf(deps, job, platform, reader, receipt);
  if (typeof content === 'string') return { impossible: content };
  return {
    mail: {
      to: reader.address,
      fromName: tenant.settings.mail.fromName ?? platform.name,
      replyTo: tenant.settings.mail.replyTo,
      subject: content.subject,
      ...renderBodies(content, platform.name, reasonOf(job.template, reader, platform)),
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
  { name, token, isTaken }: Reader,
  receipt: ReceiptRow | undefined,
): MailContent | string {
  const { data, template } = job;
  // From our own settings alone: no request has a say in where a link of ours leads.
  const linkTo = (page: string) =>
    `${deps.config.publicUrl}/${page}?token=${encodeURIComponent(token ?? '')}`;
  const at = changedAt(job);
  const change = String(data.change);
  switch (template) {
    case 'welcome':
      return welcome(platform, name, token === undefined ? undefined : linkTo('verify-email'));
    case 'verify_email':
      return verifyEmail(platform, name, linkTo('verify-email'));
    case 'reset_password':
      return resetPassword(platform, name, linkTo('reset-password'));
    case 'change_email':
      return isTaken
        ? accountExists(platform, name, 'change')
        : changeEmail(platform, name, linkTo('change-email'));
    case 'account_exists':
      return accountExists(platform, name, 'register');
    case 'purchase_receipt':
      return receipt ? purchaseReceipt(platform, name, receipt) : 'there is no such operation';
    case 'refund_receipt':
      return receipt ? refundReceipt(platform, name, receipt) : 'there is no such operation';
    case 'password_changed':
      return passwordChanged(platform, name, at);
    case 'email_changed':
      return emailChanged(platform, name, at);
    case 'session_reuse':
      return sessionReuse(platform, name, at);
    case 'second_factor_changed':
      return secondFactorChanged(platform, name, at, { change, factor: String(data.factor) });
    case 'identity_changed':
      return identityChanged(platform, name, at, { change, provider: String(data.provider) });
    case 'account_erased':
      return accountErased(platform, at);
    case 'top_up_disabled':
      return topUpDisabled(platform, name, data);
    case 'alert':
      return alertMail(platform, at, data);
    default:
      // A job of a newer version of this code.
      return `there is no template ${String(template satisfies never)}`;
  }
}

/** Why the reader gets the mail, below it. */
function reasonOf(template: MailTemplate, { isTaken }: Reader, platform: Platform): string {
  if (template === 'alert') {
    return `You get this mail because ${platform.name} sends its alerts to this address.`;
  }
  const account = `to an account at ${platform.name}.`;
  if (template === 'change_email' && !isTaken) {
    return `You get this mail because somebody wants to give this address ${account}`;
  }
  const past = template === 'email_changed' || template === 'account_erased';
  return `You get this mail because this address ${past ? 'belonged' : 'belongs'} ${account}`;
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
