// A real SMTP server that keeps mails instead of delivering them, for machines where no mail server is set up.
import type { AddressInfo } from 'node:net';
import type { Hono } from 'hono';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { Log } from '#shared/runtime/log.ts';
import { type CaughtMail, mailCatcherRoutes } from './mail-pages.ts';

export interface MailCatcher {
  /** For SMTP_URL. Listens on 127.0.0.1 only. */
  smtpUrl: string;
  /** The pages; whoever mounts them puts a login before them. */
  routes: Hono;
  close(): Promise<void>;
}

const mailsMax = 200;
const mailBytesMax = 5 * 1024 * 1024;

/** The last 200 mails are in memory, the newest first; they are gone when the process ends. */
export async function startMailCatcher({ log }: { log: Log }): Promise<MailCatcher> {
  const mails: CaughtMail[] = [];
  let caught = 0;
  const keep = async (stream: SMTPServerDataStream, session: SMTPServerSession) => {
    const parsed = await simpleParser(stream);
    if (stream.sizeExceeded) throw Object.assign(new Error('the mail is too large'), { responseCode: 552 });
    caught += 1;
    mails.unshift(toCaughtMail(caught, parsed, session));
    mails.length = Math.min(mails.length, mailsMax);
  };
  const server = new SMTPServer({
    name: 'coinlane-mail-catcher',
    // Plain and open: nobody but this machine can reach it.
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    size: mailBytesMax,
    closeTimeout: 1000,
    onData(stream, session, done) {
      keep(stream, session).then(
        () => done(),
        (error: Error) => done(error),
      );
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  // A client that hangs up in the middle of a word is no reason to end.
  server.on('error', (error) => log.debug({ err: error }, 'the mail catcher lost a connection'));
  const { port } = server.server.address() as AddressInfo;
  return {
    smtpUrl: `smtp://127.0.0.1:${port}`,
    routes: mailCatcherRoutes(mails),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function toCaughtMail(number: number, parsed: ParsedMail, { envelope }: SMTPServerSession): CaughtMail {
  return {
    number,
    receivedAt: new Date().toISOString(),
    from: (parsed.from?.value ?? []).map(({ name, address }) => `${name} <${address}>`.trim()).join(', '),
    // Who really gets it, whatever the headers say.
    to: envelope.rcptTo.map((recipient) => recipient.address),
    subject: parsed.subject ?? '',
    text: parsed.text ?? '',
    html: parsed.html || undefined,
    headers: parsed.headerLines.map(({ line }) => {
      const colon = line.indexOf(':');
      return [
        line.slice(0, colon),
        line
          .slice(colon + 1)
          .replaceAll(/\s+/g, ' ')
          .trim(),
      ];
    }),
  };
}
