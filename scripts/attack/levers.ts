// What an attack may be given beside the server's address: each lever shows what HTTP alone cannot.
import type { LeverName } from './line.ts';

export interface Target {
  /** Without a slash at the end. */
  url: string;
  operatorToken: string;
}

export interface Mail {
  to: string[];
  subject: string;
  text: string;
  html: string;
  /** Name and value, as they stand in the message. */
  headers: [name: string, value: string][];
}

export interface Mailbox {
  /** Oldest first. */
  mailsTo(address: string): Promise<Mail[]>;
}

/** What is stored, read by the owner; and what an attack plants in tenants that it made itself. */
export interface DatabaseLever {
  /** The rows of a tenant's schema, and of the shared tables, that hold this text anywhere: "table: n". */
  rowsHolding(tenant: string, text: string): Promise<string[]>;
  findPassword(tenant: string, userId: string): Promise<{ hash: string; scheme: string } | undefined>;
  plantPassword(tenant: string, userId: string, stored: { hash: string; scheme: string }): Promise<void>;
  /** @returns the id of a passkey that nobody holds */
  plantPasskey(tenant: string, userId: string): Promise<string>;
  /** Moves a session's times back by so many seconds, as if it had been opened and refreshed earlier. */
  ageSession(tenant: string, sessionId: string, seconds: number): Promise<void>;
  /** What a transaction of `tenant` can do in the schema of `other`, with the rights that processes have. */
  tryWall(tenant: string, other: string): Promise<WallProbe>;
  /** What a connection still knows of a tenant after a statement failed inside it. */
  tryPooledConnection(tenant: string): Promise<{ fault: string; left: string }>;
  /** Changes what the sandbox's network says was paid for a purchase. */
  plantPayment(purchaseId: string, paid: { amount?: number; currency?: string }): Promise<void>;
  close(): Promise<void>;
}

export interface WallProbe {
  /** Users of `other` as `other` itself counts them: the probe sees something where it may. */
  ownRows: number;
  /** The same as `tenant` counts them, and with no tenant set. */
  foreignRows: number;
  unsetRows: number;
  /** SQLSTATE of an insert into `other`, or "done". */
  insert: string;
  /** Rows of `other` that an update of users, and a delete of mail tokens, reached. */
  updated: number;
  deleted: number;
}

export interface Levers {
  mails?: Mailbox;
  database?: DatabaseLever;
  /** The server's log so far, as text. */
  log?: () => Promise<string>;
  /** Another process on the same database. */
  secondUrl?: string;
  /** Where the hostile OpenID provider is to listen; the server was started with it as GOOGLE_ISSUER_URL. */
  providerPort?: number;
  /** Where the stand-in for Facebook is to listen; the server was started with it as both FACEBOOK_… addresses. */
  facebookPort?: number;
  /** What processes would store of a password at this cost, which takes SECRET_KEY to know. */
  hashAt?: (password: string, cost: number) => Promise<{ hash: string; scheme: string }>;
  rateStore?: { stop(): Promise<void>; start(): Promise<void> };
}

/** Why a line without this lever is not shown. */
export const leverReasons: Record<LeverName, string> = {
  mails: 'needs the mails that the server sends: --mails <address of mails.json>',
  database: 'needs to see what is stored: --database <owner address>',
  log: "needs the server's log: --log <file>",
  second: 'needs another process on the same database: --second-url <address>',
  provider:
    'needs a server started with GOOGLE_ISSUER_URL=http://127.0.0.1:<port>, and --provider-port <port>',
  facebook:
    'needs a server started with FACEBOOK_GRAPH_URL and FACEBOOK_DIALOG_URL=http://127.0.0.1:<port>, and --facebook-port <port>',
  addresses: 'the server does not trust this machine as a proxy (TRUSTED_PROXIES)',
  rateStore: 'needs hands on the store of the rate limits, which only "npm test" has',
};
