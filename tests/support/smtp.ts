// A real SMTP server for tests, that keeps what it accepts and misbehaves when told to.
import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { until } from './until.ts';

/**
 * What the server does with one message: answers with a code, when the recipient is named or after the
 * message; never answers; hangs up before the message, or after its last byte; takes it all, and answers
 * once `answer` is called.
 */
type SmtpTurn =
  | 'accept'
  | { refuse: number; at: 'recipient' | 'message' }
  | 'hang'
  | 'drop before message'
  | 'drop after message';

export interface ReceivedMail extends ParsedMail {
  recipients: string[];
  source: string;
}

export interface TestSmtp {
  url: string;
  /** What was accepted, in order. */
  mails: ReceivedMail[];
  /** All messages that came in whole, accepted or not. */
  arrived: ReceivedMail[];
  /** The turns of the next messages; after them everything is accepted. */
  turns: SmtpTurn[];
  /** Waits until this many mails were accepted in all. */
  received(count: number): Promise<ReceivedMail[]>;
  close(): Promise<void>;
}

/** `refuseLogin`: asks for a login and refuses every one. */
export async function startSmtp(options: { refuseLogin?: boolean } = {}): Promise<TestSmtp> {
  const turnOf = new WeakMap<SMTPServerSession, SmtpTurn>();
  const hangUp = (session: SMTPServerSession) => {
    for (const connection of server.connections) {
      if (connection.session === session) connection._socket.destroy();
    }
  };
  const refusal = (code: number) => Object.assign(new Error('refused by the test'), { responseCode: code });
  const server = new SMTPServer({
    disabledCommands: options.refuseLogin ? ['STARTTLS'] : ['AUTH', 'STARTTLS'],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    onAuth: (_login, _session, done) => done(refusal(535)),
    onRcptTo(_address, session, done) {
      const turn = smtp.turns.shift() ?? 'accept';
      turnOf.set(session, turn);
      if (typeof turn === 'object' && turn.at === 'recipient') return done(refusal(turn.refuse));
      if (turn === 'drop before message') return hangUp(session);
      return done();
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const source = Buffer.concat(chunks).toString('utf8');
        const recipients = session.envelope.rcptTo.map((recipient) => recipient.address);
        const mail = { ...(await simpleParser(source)), recipients, source };
        smtp.arrived.push(mail);
        const turn = turnOf.get(session) ?? 'accept';
        if (typeof turn === 'object') return done(refusal(turn.refuse));
        if (turn === 'hang') return undefined;
        if (turn === 'drop after message') return hangUp(session);
        smtp.mails.push(mail);
        return done();
      });
    },
  });
  // Hanging up on a client is what some tests are about.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.server.address() as AddressInfo;
  const smtp: TestSmtp = {
    url: `smtp://127.0.0.1:${port}`,
    mails: [],
    arrived: [],
    turns: [],
    async received(count) {
      await until(`${count} mails`, () => smtp.mails.length >= count);
      return smtp.mails;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return smtp;
}
