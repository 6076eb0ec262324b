// Two API processes, a worker, a mailbox and a log, with every lever that the attacks can use.
import bcrypt from 'bcrypt';
import pg from 'pg';
import { createKeyring } from '#shared/tenants/secrets.ts';
import type { TestBackend } from '#tests/support/backends.ts';
import { cloneDatabase, testSecretKey } from '#tests/support/database.ts';
import { startOwnRedis } from '#tests/support/own-redis.ts';
import { freePort } from '#tests/support/ports.ts';
import { type RunningProcess, startApi, startWorker, stopAll } from '#tests/support/processes.ts';
import { startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { operatorToken, testSettings } from '#tests/support/system.ts';
import { openDatabaseLever } from '../../scripts/attack/database.ts';
import type { Levers, Mailbox, Target } from '../../scripts/attack/levers.ts';

/** Hashing takes most of the time of a login, and a hundred logins still take seconds only. */
const bcryptCost = 8;

export interface AttackStage {
  target: Target;
  levers: Levers;
  close(): Promise<void>;
}

export async function openAttackStage(backend: TestBackend): Promise<AttackStage> {
  const closing: (() => Promise<unknown>)[] = [];
  const database = await cloneDatabase(`attack-${backend.name}`);
  closing.push(() => database.drop());
  const smtp = await startSmtp();
  closing.push(() => smtp.close());
  // Its own: it is to go away while nobody else's does.
  const redis = backend.name === 'redis' ? await startOwnRedis() : undefined;
  if (redis) closing.push(() => redis.stop());
  const [providerPort, facebookPort, nobodyPort] = [await freePort(), await freePort(), await freePort()];
  const settings = {
    ...testSettings(database.url, 0, { name: backend.name, redisUrls: redis ? [redis.url] : [] }),
    SMTP_URL: smtp.url,
    LOG_LEVEL: 'debug',
    BCRYPT_COST: String(bcryptCost),
    // What answers take is measured here: as many as the product has of its own accord.
    DATABASE_POOL: '10',
    TRUSTED_PROXIES: '127.0.0.1',
    GOOGLE_ISSUER_URL: `http://127.0.0.1:${providerPort}`,
    FACEBOOK_GRAPH_URL: `http://127.0.0.1:${facebookPort}`,
    FACEBOOK_DIALOG_URL: `http://127.0.0.1:${facebookPort}`,
    STRIPE_API_URL: `http://127.0.0.1:${nobodyPort}`,
  };
  const first = await startApi(settings);
  // One address for all, as behind a load balancer.
  const shared = { ...settings, PUBLIC_URL: first.url };
  const others = await Promise.all([startApi(shared), startWorker(shared)]);
  const processes: RunningProcess[] = [first, ...others];
  closing.push(() => stopAll(processes));
  const lever = openDatabaseLever(database.url);
  closing.push(() => lever.close());
  const levers: Levers = {
    mails: mailboxOf(smtp),
    database: lever,
    log: async () => processes.map((each) => each.output()).join('\n'),
    secondUrl: others[0].url,
    providerPort,
    facebookPort,
    hashAt,
    rateStore: redis ? { stop: () => redis.kill(), start: () => redis.restart() } : tableStore(database.url),
  };
  return {
    target: { url: first.url, operatorToken },
    levers,
    async close() {
      for (const each of closing.reverse()) await each();
    },
  };
}

function mailboxOf(smtp: TestSmtp): Mailbox {
  return {
    mailsTo: async (address) =>
      smtp.mails
        .filter(({ recipients }) => recipients.includes(address))
        .map(({ recipients, subject, text, html, headerLines }) => ({
          to: recipients,
          subject: subject ?? '',
          text: text ?? '',
          html: html || '',
          headers: headerLines.map(({ key, line }) => [key, line.slice(key.length + 1).trim()]),
        })),
  };
}

/** The processes' own way to store a password, with the key that all tests share. */
async function hashAt(password: string, cost: number) {
  const keyring = createKeyring([testSecretKey]);
  const peppered = keyring.mac('password-pepper', password).toString('base64');
  return { hash: await bcrypt.hash(peppered, cost), scheme: `bcrypt-hmac-sha256:${keyring.keyId}:${cost}` };
}

/** On Postgres the store is a table: under another name nobody finds it. */
function tableStore(url: string): Levers['rateStore'] {
  const rename = async (from: string, to: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(`alter table coinlane.${from} rename to ${to}`);
    } finally {
      await client.end();
    }
  };
  return {
    stop: () => rename('rate_limits', 'rate_limits_away'),
    start: () => rename('rate_limits_away', 'rate_limits'),
  };
}
