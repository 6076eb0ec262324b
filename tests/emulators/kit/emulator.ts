// What every provider's emulator gives a test, so that one suite of faults and orders runs against all of them.
import type { IncomingHttpHeaders } from 'node:http';
import type { Faults } from './faults.ts';
import type { WebhookOutbox } from './webhook-outbox.ts';

/** A request as it came in. */
export interface RecordedRequest {
  method: string;
  path: string;
  /** Without the question mark. */
  query: string;
  headers: IncomingHttpHeaders;
  /** Raw text. */
  body: string;
  at: Date;
  /** The status that was sent; null while none was, or never will be. */
  answered: number | null;
}

export interface Emulator {
  /** No trailing slash; also serves the payer's hosted pages. */
  url: string;
  faults: Faults;
  /** The last 10,000. */
  requests: RecordedRequest[];
  webhooks: WebhookOutbox;
  /** Faults found by checking requests against the provider's schema; a test asserts that there are none. */
  complaints: string[];
  /** Destroys all sockets, also those of requests that hang. */
  close(): Promise<void>;
}
