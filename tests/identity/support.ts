// What the tests of identity share: an app of identity's routes alone on a database of its own, and a client.

import type { ApiDeps } from '#api/context.ts';
import { answerProblem } from '#api/errors.ts';
import { createPasswords } from '#api/identity/passwords.ts';
import { identityRoutes } from '#api/identity/routes.ts';
import { createTokens } from '#api/identity/tokens.ts';
import { createLimits } from '#api/limits/limits.ts';
import { accessLog } from '#api/middleware/access-log.ts';
import { createRouter } from '#api/routes/router.ts';
import { createWalletDirectory } from '#api/wallet-directory.ts';
import { openServices } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { createLog } from '#shared/runtime/log.ts';
import { defaultCoin } from '#shared/tenants/coin-settings.ts';
import { provisionTenant } from '#shared/tenants/provision.ts';
import { tenantSettings } from '#shared/tenants/settings.ts';
import { cloneDatabase } from '#tests/support/database.ts';

export const goodPassword = 'correct horse battery staple';
const secretKey = 'a-secret-key-for-the-tests-of-identity';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  body: any;
}

export interface Call {
  tenant?: string;
  bearer?: string;
  headers?: Record<string, string>;
  /** Sent as it is; `body` is sent as JSON. */
  raw?: string;
  body?: unknown;
}

interface IdentityOptions {
  secretKeys?: string[];
  settings?: Record<string, string>;
  /** Its access tokens hear no notifications, as while the connection for them is lost. */
  deaf?: boolean;
}

/** Opens services and an app on a database; several on one database are several API processes. */
export async function openIdentity(databaseUrl: string, options: IdentityOptions = {}) {
  const { secretKeys = [secretKey], settings = {}, deaf = false } = options;
  const config = loadConfig({
    BCRYPT_COST: '4',
    DATABASE_POOL: '12',
    LOG_LEVEL: 'silent',
    PUBLIC_URL: 'https://coins.example',
    ...settings,
  });
  const log = createLog('silent', 'test');
  const secrets = { operatorToken: 'operator-token-of-the-tests', secretKeys };
  const services = await openServices({ config, secrets, databaseUrl, log, workers: false });
  const deps = {
    ...services,
    wallets: createWalletDirectory(services.db),
    passwords: createPasswords(services),
    limits: createLimits(services),
    tokens: createTokens(
      deaf ? { ...services, listener: { ...services.listener, on: async () => {} } } : services,
    ),
  } as unknown as ApiDeps;
  const app = createRouter();
  app.onError((error, c) => answerProblem(c, error));
  app.notFound((c) => answerProblem(c, new Problem('not_found')));
  app.use(accessLog(deps));
  app.use(async (c, next) => {
    c.set('address', '192.0.2.7');
    await next();
  });
  app.route('/', identityRoutes(deps));
  return { app, deps, call: createClient(app), close: () => services.close() };
}

export type Identity = Awaited<ReturnType<typeof openIdentity>>;

function createClient(app: ReturnType<typeof createRouter>) {
  return async (method: string, path: string, call: Call = {}): Promise<Answer> => {
    const headers: Record<string, string> = { ...call.headers };
    if (call.tenant) headers['x-tenant'] = call.tenant;
    if (call.bearer) headers.authorization = `Bearer ${call.bearer}`;
    if (call.body !== undefined) headers['content-type'] ??= 'application/json';
    const body = call.raw ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    const response = await app.request(path, { method, headers, body });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json');
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: json ? JSON.parse(text) : undefined,
    };
  };
}

/** A database with an identity app and two tenants, `acme` and `other`. */
export async function openTestIdentity(name: string) {
  const database = await cloneDatabase(name);
  const identity = await openIdentity(database.url);
  const secretKeys = {
    acme: await addTenant(identity, 'acme'),
    other: await addTenant(identity, 'other'),
  };
  return {
    ...identity,
    database,
    secretKeys,
    async close() {
      await identity.close();
      await database.drop();
    },
  };
}

/** @returns the tenant's secret key. */
export function addTenant(
  { deps }: Pick<Identity, 'deps'>,
  slug: string,
  settings: object = {},
): Promise<string> {
  return provisionTenant(
    deps.db,
    deps.keyring,
    {
      slug,
      name: `${slug} games`,
      coin: defaultCoin,
      settings: tenantSettings.parse(settings),
      providers: undefined,
    },
    'test',
  );
}

let counter = 0;
export const newEmail = () => {
  counter += 1;
  return `user${counter}@example.com`;
};

export interface Registered {
  email: string;
  id: string;
  accessToken: string;
  refreshToken: string;
}

/** Registers a user with `goodPassword`. */
export async function register(
  { call }: Pick<Identity, 'call'>,
  tenant = 'acme',
  email = newEmail(),
): Promise<Registered> {
  const answer = await call('POST', '/register', { tenant, body: { email, password: goodPassword } });
  if (answer.status !== 201) throw new Error(`registering answered ${answer.status}: ${answer.text}`);
  const { user, accessToken, refreshToken } = answer.body;
  return { email, id: user.id, accessToken, refreshToken };
}

/** Rows of a tenant's table, as the owner sees them. */
export async function rowsOf({ deps }: Pick<Identity, 'deps'>, text: string, values: unknown[] = []) {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into rows of many shapes
  const result = await deps.db.owner.query<any>(text, values);
  return result.rows;
}

/** The verification token that the welcome mail of a user would carry. */
export async function welcomeTokenOf(
  identity: Pick<Identity, 'deps'>,
  tenant: string,
  userId: string,
): Promise<string> {
  const [row] = await rowsOf(
    identity,
    `select data->'job'->'data'->>'sealedToken' as sealed from pgboss.job
    where data->'job'->>'cause' = $1 and data->'job'->>'tenant' = $2`,
    [`welcome:${userId}`, tenant],
  );
  return identity.deps.keyring.open(row.sealed, `mail/${tenant}/${userId}`);
}
