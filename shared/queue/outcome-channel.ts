// Tells the API processes that operations have their outcome, and which: one message per batch, after the commit.
import type { Outcome } from '../contracts/operation.ts';
import { type Listener, notify } from '../db/listen.ts';
import type { Database } from '../db/pool.ts';
import type { Log } from '../runtime/log.ts';
import type { QueueBackend } from './backend.ts';

/** What is told: outcomes of a tenant's operations, or ids of operations to look at. */
export type OutcomeNews = { tenant: string; outcomes: Outcome[] } | { ids: string[] };

export interface OutcomeChannel {
  /** For those whose answer is more than their outcome. Best effort: a lost message is made good by the waiter's own look. */
  publish(operationIds: string[]): Promise<void>;
  /** Spares the waiters that look. Best effort as well. */
  publishOutcomes(tenant: string, outcomes: Outcome[]): Promise<void>;
  subscribe(handle: (news: OutcomeNews) => void): Promise<void>;
  close(): Promise<void>;
}

const channel = 'coinlane_outcomes';
/** A NOTIFY payload holds less than 8,000 bytes (PostgreSQL manual, NOTIFY); an id with its comma is 37. */
const idsPerMessageMax = 200;
/** An outcome is 260 bytes at most. */
const outcomesPerMessageMax = 28;

/** Ids go bare, so that processes of another version understand them. */
function readNews(payload: string): OutcomeNews {
  return payload.startsWith('{') ? (JSON.parse(payload) as OutcomeNews) : { ids: payload.split(',') };
}

export async function openOutcomeChannel(
  db: Database,
  backend: QueueBackend,
  listener: Listener,
  log: Log,
): Promise<OutcomeChannel> {
  const send = backend.redis
    ? async (text: string) => void (await backend.redis?.publish(channel, text))
    : (text: string) => notify(db.app, channel, text);
  const sendAll = async <T>(all: T[], perMessage: number, write: (part: T[]) => string) => {
    try {
      for (let from = 0; from < all.length; from += perMessage) {
        await send(write(all.slice(from, from + perMessage)));
      }
    } catch (error) {
      log.debug({ err: error }, 'an outcome could not be announced; waiters will look themselves');
    }
  };
  let subscriber: ReturnType<QueueBackend['subscriber']>;
  return {
    publish: (ids) => sendAll(ids, idsPerMessageMax, (part) => part.join(',')),
    publishOutcomes: (tenant, all) =>
      sendAll(all, outcomesPerMessageMax, (outcomes) => JSON.stringify({ tenant, outcomes })),
    async subscribe(handle) {
      if (backend.kind === 'postgres') {
        await listener.on(channel, (payload) => handle(readNews(payload)));
        return;
      }
      subscriber = backend.subscriber();
      subscriber?.on('message', (_channel: string, payload: string) => handle(readNews(payload)));
      // Not awaited: Redis may be gone while we start, and ioredis subscribes once it is back.
      subscriber?.subscribe(channel).catch((error: unknown) => log.warn({ err: error }, 'not subscribed'));
    },
    async close() {
      subscriber?.disconnect();
    },
  };
}
