// Tells the API processes that operations have their outcome: one message per batch, after the commit.
import { type Listener, notify } from '../db/listen.ts';
import type { Database } from '../db/pool.ts';
import type { Log } from '../runtime/log.ts';
import type { QueueBackend } from './backend.ts';

export interface OutcomeChannel {
  /** Best effort: a message that is lost is made good by the waiter's own look. */
  publish(operationIds: string[]): Promise<void>;
  subscribe(handle: (operationIds: string[]) => void): Promise<void>;
  close(): Promise<void>;
}

const channel = 'coinlane_outcomes';
/** A NOTIFY payload holds less than 8,000 bytes (PostgreSQL manual, NOTIFY); an id with its comma is 37. */
const idsPerMessageMax = 200;

export async function openOutcomeChannel(
  db: Database,
  backend: QueueBackend,
  listener: Listener,
  log: Log,
): Promise<OutcomeChannel> {
  const send = backend.redis
    ? async (text: string) => void (await backend.redis?.publish(channel, text))
    : (text: string) => notify(db.app, channel, text);
  let subscriber: ReturnType<QueueBackend['subscriber']>;
  return {
    async publish(ids) {
      try {
        for (let from = 0; from < ids.length; from += idsPerMessageMax) {
          await send(ids.slice(from, from + idsPerMessageMax).join(','));
        }
      } catch (error) {
        log.debug({ err: error }, 'an outcome could not be announced; waiters will look themselves');
      }
    },
    async subscribe(handle) {
      if (backend.kind === 'postgres') {
        await listener.on(channel, (payload) => handle(payload.split(',')));
        return;
      }
      subscriber = backend.subscriber();
      subscriber?.on('message', (_channel: string, payload: string) => handle(payload.split(',')));
      // Not awaited: Redis may be gone while we start, and ioredis subscribes once it is back.
      subscriber?.subscribe(channel).catch((error: unknown) => log.warn({ err: error }, 'not subscribed'));
    },
    async close() {
      subscriber?.disconnect();
    },
  };
}
