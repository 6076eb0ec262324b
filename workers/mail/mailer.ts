// Hands messages to the mail server, and tells what is known when that fails: not sent, refused, or nobody knows.
import type { Readable } from 'node:stream';
import { createTransport } from 'nodemailer';
import type { Config } from '#shared/config/env.ts';
import { isBareAddress, type Mailbox, parseMailbox } from '#shared/config/mailbox.ts';
import type { Log } from '#shared/runtime/log.ts';
import { plainLine } from './format.ts';

export interface OutgoingMail {
  /** One bare address. */
  to: string;
  /** Shown beside MAIL_FROM's address, in place of its own name. */
  fromName?: string;
  replyTo?: string;
  subject: string;
  text: string;
  html: string;
  /** The part of Message-ID before the @: letters, digits, dots and hyphens. */
  messageKey: string;
  /** Fixed names and values of ours. */
  headers?: Record<string, string>;
}

/**
 * `temporary`: surely not sent, try again. `permanent`: the server refused this mail for good.
 * `in_doubt`: the whole message was handed over and no answer came; it may or may not arrive.
 */
export type MailFailureKind = 'temporary' | 'permanent' | 'in_doubt';

export class MailFailure extends Error {
  readonly kind: MailFailureKind;
  constructor(kind: MailFailureKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'MailFailure';
    this.kind = kind;
  }
}

export interface Mailer {
  /** Resolves once the server has taken responsibility (RFC 5321 section 4.2.5). @throws MailFailure */
  send(mail: OutgoingMail): Promise<void>;
  /** Lets what is under way end, then closes the connections. */
  close(): Promise<void>;
}

/** One message from asking for it to the server's answer, waiting for a connection included. */
export const sendMsMax = 60_000;

const defaultFrom = 'Coinlane <no-reply@localhost>';

/** `cutOffMs`: what a send may take, in milliseconds; at most `sendMsMax`. */
export function createMailer(
  config: Pick<Config, 'SMTP_URL' | 'MAIL_FROM'>,
  log: Log,
  cutOffMs = sendMsMax,
): Mailer {
  const from = parseMailbox(config.MAIL_FROM ?? defaultFrom);
  if (!from) throw new Error('MAIL_FROM is not one address');
  if (!config.SMTP_URL) {
    log.warn('SMTP_URL is not set: mails wait');
    const refuse = async () => {
      throw new MailFailure('temporary', 'SMTP_URL is not set');
    };
    return { send: refuse, close: async () => undefined };
  }
  const transport = createTransport({
    url: config.SMTP_URL,
    pool: true,
    maxConnections: 8,
    maxMessages: 1000,
    // The pool would send a message again by itself; whether that is safe is decided here alone.
    maxRequeues: 0,
    idleTimeout: 30_000,
    dnsTimeout: 10_000,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 30_000,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  });
  // Each failure reaches its send; without a listener the event would end the process.
  transport.on('error', (error) => log.debug({ err: error }, 'a mail connection failed'));
  // The stream of a message by its signal: whether it was read to its end tells if the server can have it.
  const streams = new WeakMap<AbortSignal, Readable>();
  transport.use('stream', (mail, done) => {
    const { signal } = mail.data;
    mail.message?.processFunc((stream) => {
      if (signal) streams.set(signal, stream as Readable);
      return stream;
    });
    done();
  });
  return {
    async send(mail) {
      if (!isBareAddress(mail.to)) throw new MailFailure('permanent', 'the address is not one plain address');
      const signal = AbortSignal.timeout(cutOffMs);
      try {
        await transport.sendMail({ ...messageOf(mail, from), signal });
      } catch (error) {
        throw classify(error, streams.get(signal)?.readableEnded ?? false);
      }
    },
    close: async () => transport.close(),
  };
}

function messageOf(mail: OutgoingMail, from: Mailbox) {
  return {
    from: { name: plainLine(mail.fromName ?? from.name), address: from.address },
    // An object is one address, whatever is in it; a string could be read as several.
    to: { name: '', address: mail.to },
    replyTo: mail.replyTo ? { name: '', address: plainLine(mail.replyTo) } : undefined,
    envelope: { from: from.address, to: [mail.to] },
    subject: plainLine(mail.subject),
    text: mail.text,
    html: mail.html,
    messageId: `<${mail.messageKey}@${from.address.split('@')[1] ?? 'localhost'}>`,
    headers: mail.headers,
  };
}

interface SmtpError {
  message?: string;
  code?: string;
  command?: string;
  /** The server's reply code (RFC 5321 section 4.2). */
  responseCode?: number;
}

/** Replies to these are about the message; a 5xx to others (login, greeting) is about our settings. */
const aboutTheMail = new Set(['MAIL FROM', 'RCPT TO', 'DATA']);

/** `handedOver`: the message was written to its end, so the dot that ends it may have arrived. */
function classify(error: unknown, handedOver: boolean): MailFailure {
  const { message = String(error), code, command = '', responseCode } = error as SmtpError;
  const failed = (kind: MailFailureKind) => new MailFailure(kind, message, { cause: error });
  if (responseCode !== undefined && responseCode >= 400) {
    // 503 says that the session went wrong, not that the message did.
    const final = responseCode >= 500 && responseCode !== 503 && aboutTheMail.has(command);
    return failed(final ? 'permanent' : 'temporary');
  }
  if (handedOver) return failed('in_doubt');
  // An address that cannot be written in a command never will be.
  if (code === 'EENVELOPE') return failed('permanent');
  return failed('temporary');
}
