// `npm run bench -- --tenants 1000`: what many tenants in one database cost, from their migration to a login at any of them.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { openApi } from '#api/open.ts';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { createTenantSchema, latestTenantVersion, migrateTenants } from '#shared/db/migrate.ts';
import { withTransaction } from '#shared/db/pool.ts';
import { createLog } from '#shared/runtime/log.ts';
import { apiKeyScopes, createApiKey } from '#shared/tenants/api-keys.ts';
import { defaultCoin } from '#shared/tenants/coin-settings.ts';
import { provisionTenant } from '#shared/tenants/provision.ts';
import { tenantSettings } from '#shared/tenants/settings.ts';
import { createSigningKey } from '#shared/tenants/signing-keys.ts';
import { openWorkers } from '#workers/open.ts';
import { median } from './figures.ts';
import { type Ground, onGround } from './ground.ts';
import { compareThroughput } from './tenant-throughput.ts';

/** The version before identities, factors and velocity: real migrations lie ahead. */
const versionBefore = 5;
const provisioned = 50;
const requests = 1000;
const parallel = 16;
const password = 'correct horse battery';

interface Inhabitant {
  slug: string;
  email: string;
  token: string;
}

export async function benchTenants(count: number): Promise<void> {
  return onGround((ground) => benchOn(ground, count));
}

async function benchOn({ postgresUrl, redisUrl, secretKey }: Ground, count: number): Promise<void> {
  // A cheap hash: what is measured here is tenancy, and a real one would hide it.
  const services = await openServices({
    config: loadConfig({ LOG_LEVEL: 'error', PORT: '0', BCRYPT_COST: '4', REDIS_URL: redisUrl }),
    secrets: { operatorToken: randomUUID(), secretKeys: [secretKey] },
    databaseUrl: postgresUrl,
    log: createLog('error', 'bench'),
    workers: true,
  });
  const workers = await openWorkers(services);
  const api = await openApi(services);
  const server = await api.listen();
  try {
    const slugs = await measure(services, `http://127.0.0.1:${server.port}`, count);
    await compareThroughput(services, api.deps.accept, slugs);
  } finally {
    await server.close();
    await api.close();
    await workers.close();
    await services.close();
  }
}

/** @returns the tenants that it made */
async function measure(services: Services, url: string, count: number): Promise<string[]> {
  const { db, keyring } = services;
  const settings = tenantSettings.parse({});
  const timed = async (work: () => Promise<unknown>) => {
    const started = performance.now();
    await work();
    return performance.now() - started;
  };
  const provision = await timed(async () => {
    for (let i = 0; i < provisioned; i += 1) {
      const tenant = { slug: `new-${i}`, name: 'New', coin: defaultCoin, settings, providers: undefined };
      await provisionTenant(db, keyring, tenant, 'bench');
    }
  });
  say(
    `${provisioned} tenants provisioned one after another`,
    `${(provision / provisioned).toFixed(0)} ms each`,
  );

  const slugs = Array.from({ length: count }, (_, i) => `t-${i}`);
  const keys = new Map<string, string>();
  await inLanes(slugs, 2, async (slug) => keys.set(slug, await makeOldTenant(services, slug)));
  const migration = await timed(async () => {
    const report = await migrateTenants(db.owner);
    if (report.failed.length > 0) throw new Error(`${report.failed.length} tenants were not upgraded`);
  });
  const latest = await latestTenantVersion();
  say(
    `${count} tenants upgraded from version ${versionBefore} to ${latest}`,
    `${(migration / 1000).toFixed(1)} s, ${(migration / count).toFixed(1)} ms each`,
  );

  const people: Inhabitant[] = [];
  await inLanes(slugs, parallel, async (slug) =>
    people.push(await settleIn(url, slug, keys.get(slug) ?? '')),
  );
  const [one] = people;
  if (!one) throw new Error('nobody lives here');
  const fresh = await connectionMegabytes(services);
  // Whoever comes first makes the server read its tenant's tables and plan; what is compared is how it goes on.
  const firstSpends = await timed(async () => {
    for (let round = 0; round < 2; round += 1) {
      await inLanes(people, parallel, (person) => spend(url, person));
    }
  });
  say(
    `${2 * count} spends, the first two of each tenant`,
    `${((2 * count) / (firstSpends / 1000)).toFixed(0)}/s`,
  );
  const anybody = () => people[Math.floor(Math.random() * people.length)] as Inhabitant;
  const rounds = { login: [] as number[], spend: [] as number[] };
  for (let round = 0; round < 3; round += 1) {
    for (const [name, run] of [
      ['login', logIn],
      ['spend', spend],
    ] as const) {
      const alone = await load(() => run(url, one));
      const spread = await load(() => run(url, anybody()));
      rounds[name].push(spread.perSecond / alone.perSecond);
      say(
        `round ${round + 1} ${name}, one tenant; ${count} tenants at random`,
        `${describe(alone)}; ${describe(spread)}`,
      );
    }
  }
  say(
    'login, all tenants / one tenant',
    `${median(rounds.login).toFixed(2)} (${rounds.login.map((r) => r.toFixed(2)).join(', ')})`,
  );
  say(
    'spend, all tenants / one tenant',
    `${median(rounds.spend).toFixed(2)} (${rounds.spend.map((r) => r.toFixed(2)).join(', ')})`,
  );
  const used = await connectionMegabytes(services);
  say('memory of a connection of the pool: before the load; after it', `${fresh}; ${used}`);
  return slugs;
}

const say = (what: string, value: string) => console.log(`${what.padEnd(66)} ${value}`);

async function inLanes<T>(items: T[], lanes: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const lane = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** A tenant as the code of that version left it. @returns its secret key */
async function makeOldTenant({ db, keyring }: Services, slug: string): Promise<string> {
  return withTransaction(db.owner, async (tx) => {
    await tx.query(
      `insert into coinlane.tenants (slug, name, status, schema_version, coin, settings)
       values ($1, $1, 'active', $2, $3, '{"mail": {"enabled": false}}')`,
      [slug, versionBefore, defaultCoin],
    );
    await createTenantSchema(tx, slug, versionBefore);
    await createSigningKey(tx, keyring, slug);
    return (await createApiKey(tx, slug, 'bench', apiKeyScopes)).secret;
  });
}

async function post(url: string, headers: Record<string, string>, body: object, wanted: number) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status !== wanted) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}

async function settleIn(url: string, slug: string, secretKey: string): Promise<Inhabitant> {
  const email = 'user@example.com';
  const made = await post(`${url}/register`, { 'x-tenant': slug }, { email, password }, 201);
  const headers = { authorization: `Bearer ${secretKey}`, 'idempotency-key': randomUUID() };
  await post(`${url}/wallet/grant`, headers, { userId: made.user.id, amount: 1_000_000 }, 202);
  return { slug, email, token: made.accessToken };
}

const logIn = (url: string, { slug, email }: Inhabitant) =>
  post(`${url}/login`, { 'x-tenant': slug }, { email, password }, 200);

const spend = (url: string, { token }: Inhabitant) =>
  post(
    `${url}/wallet/spend`,
    { authorization: `Bearer ${token}`, 'idempotency-key': randomUUID(), prefer: 'wait=10' },
    { amount: 1 },
    201,
  );

interface Load {
  perSecond: number;
  p50: number;
  p99: number;
}

async function load(work: () => Promise<unknown>): Promise<Load> {
  const times: number[] = [];
  const started = performance.now();
  await inLanes(
    Array.from({ length: requests }, (_, i) => i),
    parallel,
    async () => {
      const begun = performance.now();
      await work();
      times.push(performance.now() - begun);
    },
  );
  const seconds = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? Number.NaN;
  return { perSecond: requests / seconds, p50: at(0.5), p99: at(0.99) };
}

const describe = ({ perSecond, p50, p99 }: Load) =>
  `${perSecond.toFixed(0)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;

/** Memory of their own of the backends that serve tenants' data, from Linux; what they share is not in it. */
async function connectionMegabytes({ db }: Services): Promise<string> {
  const backends = await db.owner.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = 'coinlane' and usename like 'coinlane\\_%'`,
  );
  const sizes: number[] = [];
  for (const { pid } of backends.rows) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    const kibibytes = /^Anonymous:\s+(\d+) kB/m.exec(rollup)?.[1];
    if (kibibytes !== undefined) sizes.push(Number(kibibytes) / 1024);
  }
  if (sizes.length === 0) return 'not shown: this needs Linux';
  return `${median(sizes).toFixed(1)} MiB (median of ${sizes.length})`;
}
