// What the API and the workers have in common, built once by an entry file and handed down as one object.
import type { Config } from '../config/env.ts';
import type { Secrets } from '../config/generated-secrets.ts';
import { createListener, type Listener } from '../db/listen.ts';
import type { Database } from '../db/pool.ts';
import { type Outbox, openOutbox } from '../outbox/outbox.ts';
import { openQueueBackend, type QueueBackend } from '../queue/backend.ts';
import { type BalanceCache, openBalanceCache } from '../queue/balance-cache.ts';
import { type OutcomeChannel, openOutcomeChannel } from '../queue/outcome-channel.ts';
import { createProducer, type Producer } from '../queue/producer.ts';
import type { Log } from '../runtime/log.ts';
import { createMetrics, type Metrics } from '../runtime/metrics.ts';
import { openTenantDirectory, type TenantDirectory } from '../tenants/directory.ts';
import { createKeyring, type Keyring } from '../tenants/secrets.ts';
import { openSigningKeys, type SigningKeys } from '../tenants/signing-keys.ts';
import { prepareDatabase, prepareTenants } from './prepare.ts';

export interface Services {
  config: Config;
  operatorToken: string;
  log: Log;
  metrics: Metrics;
  keyring: Keyring;
  db: Database;
  listener: Listener;
  tenants: TenantDirectory;
  signingKeys: SigningKeys;
  backend: QueueBackend;
  producer: Producer;
  outbox: Outbox;
  outcomes: OutcomeChannel;
  balances: BalanceCache;
  /** Closes in reverse order of opening. */
  close(): Promise<void>;
}

interface ServiceOptions {
  config: Config;
  secrets: Secrets;
  databaseUrl: string;
  log: Log;
  /** The process runs queue workers. */
  workers: boolean;
}

/** Migrates, connects and builds. @throws Error when Postgres cannot be reached; Redis may come later. */
export async function openServices(options: ServiceOptions): Promise<Services> {
  const { config, secrets, databaseUrl, log, workers } = options;
  const keyring = createKeyring(secrets.secretKeys);
  const db = await prepareDatabase(databaseUrl, keyring, log, config.DATABASE_POOL);
  await prepareTenants(db, log);
  const metrics = createMetrics();
  const listener = createListener(db.urls.app, log, () => log.info('the notification connection is back'));
  const tenants = await openTenantDirectory(db, listener);
  const signingKeys = await openSigningKeys(db.app, keyring, listener);
  const backend = openQueueBackend({
    redisUrls: config.redisUrls,
    db,
    log,
    workers,
    shards: config.QUEUE_SHARDS,
  });
  const producer = createProducer(backend, config.QUEUE_SHARDS);
  const outbox = await openOutbox(db, listener, log);
  const outcomes = await openOutcomeChannel(db, backend, listener, log);
  const balances = openBalanceCache(backend, config.QUEUE_SHARDS, log);
  return {
    config,
    operatorToken: secrets.operatorToken,
    log,
    metrics,
    keyring,
    db,
    listener,
    tenants,
    signingKeys,
    backend,
    producer,
    outbox,
    outcomes,
    balances,
    async close() {
      await outbox.close();
      await producer.close();
      await outcomes.close();
      await backend.close();
      await listener.close();
      await db.close();
    },
  };
}
