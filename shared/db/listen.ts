// One connection per process that listens for notifications, and comes back by itself when it is lost.
import pg from 'pg';
import type { Log } from '../runtime/log.ts';
import type { Queryable } from './pool.ts';

export interface Listener {
  /** Resolves once the channel is being listened to, or at the first failure to connect (it goes on trying). */
  on(channel: string, handle: (payload: string) => void): Promise<void>;
  close(): Promise<void>;
}

const reconnectMs = 500;

/** `onGap` is called after a reconnect: notifications may have been missed in between. */
export function createListener(url: string, log: Log, onGap: () => void): Listener {
  const handlers = new Map<string, (payload: string) => void>();
  let client: pg.Client | undefined;
  let connecting: Promise<void> | undefined;
  let closed = false;
  let everConnected = false;

  const connect = async (): Promise<void> => {
    if (closed) return;
    const next = new pg.Client({
      connectionString: url,
      keepAlive: true,
      application_name: 'coinlane-listen',
    });
    next.on('error', () => lost(next));
    next.on('end', () => lost(next));
    next.on('notification', ({ channel, payload }) => handlers.get(channel)?.(payload ?? ''));
    try {
      await next.connect();
      for (const channel of handlers.keys()) await next.query(`listen ${pg.escapeIdentifier(channel)}`);
      client = next;
      if (everConnected) onGap();
      everConnected = true;
    } catch (error) {
      log.warn({ err: error }, 'the notification connection could not be opened; trying again');
      await next.end().catch(() => undefined);
      retry();
    }
  };
  const retry = () => {
    if (closed) return;
    setTimeout(() => {
      connecting = connect();
    }, reconnectMs).unref();
  };
  const lost = (which: pg.Client) => {
    if (which !== client) return;
    client = undefined;
    which.end().catch(() => undefined);
    retry();
  };
  return {
    async on(channel, handle) {
      handlers.set(channel, handle);
      if (client) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      else {
        connecting ??= connect();
        await connecting;
      }
    },
    async close() {
      closed = true;
      await connecting;
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}

/** Sends a notification outside any transaction, so that it never holds up a commit. */
export async function notify(pool: Queryable, channel: string, payload: string): Promise<void> {
  await pool.query({ text: 'select pg_notify($1, $2)', values: [channel, payload] });
}
