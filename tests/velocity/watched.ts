// A tenant with rules, a user, and shortcuts for callers and operators who meet them.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { withTenant } from '#shared/db/pool.ts';
import {
  type Answer,
  call,
  createTenant,
  grant,
  integrity,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { operatorToken, type System, uniqueSlug } from '#tests/support/system.ts';

export interface Watched {
  tenant: TestTenant;
  user: TestUser;
  /** A POST as the user that waits for the outcome, or as long as one may. */
  post(path: string, body: object, options?: { key?: string; wait?: number }): Promise<Answer>;
  spend(amount: number): Promise<Answer>;
  /** As the platform. */
  give(amount: number): Promise<Answer>;
  buy(body?: object): Promise<Answer>;
  /** Pays at the sandbox, and waits until the coins are there. */
  pay(purchase: Answer): Promise<void>;
  get(path: string): Promise<Answer>;
  balance(): Promise<number>;
  /** As the operator: what is held, and the word on one of it. */
  held(query?: string): Promise<Answer>;
  decide(operationId: string, decision: string): Promise<Answer>;
  setRules(velocity: object): Promise<void>;
  setStatus(status: 'active' | 'suspended'): Promise<void>;
  /** A statement in the tenant's schema, by which a test turns back the clock. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  expectWhole(): Promise<void>;
}

const pack = { id: 'hundred', name: 'Hundred', coins: 100, price: 99, currency: 'eur' };

/** `coins` are granted before it returns, which takes workers. */
export async function openWatched(system: System, velocity: object, coins = 0): Promise<Watched> {
  const { url, services } = system;
  const tenant = await createTenant(url, uniqueSlug('watched'), { velocity, packs: [pack] });
  const user = await registerUser(url, tenant);
  if (coins > 0) expect((await grant(url, tenant, user.id, coins)).status).toBe(201);
  const operator = (method: string, path: string, body?: object) =>
    call(method, `${url}/operator/tenants/${tenant.slug}${path}`, {
      token: operatorToken,
      ...(body ? { body } : {}),
    });
  const watched: Watched = {
    tenant,
    user,
    post: (path, body, options) =>
      call('POST', `${url}${path}`, { token: user.token, key: randomUUID(), wait: 10, body, ...options }),
    spend: (amount) => watched.post('/wallet/spend', { amount }),
    give: (amount) => grant(url, tenant, user.id, amount),
    buy: (body = { pack: pack.id }) => watched.post('/wallet/buy', { provider: 'sandbox', ...body }),
    async pay({ body }) {
      expect((await call('POST', `${body.checkoutUrl}/pay`)).status).toBe(200);
      await expect
        .poll(async () => (await watched.get(`/operations/${body.id}`)).body.status, { timeout: 10_000 })
        .toBe('applied');
    },
    get: (path) => call('GET', `${url}${path}`, { token: user.token }),
    balance: async () => (await watched.get('/wallet/balance')).body.balance,
    held: (query = '') => operator('GET', `/held-operations${query}`),
    decide: (operationId, decision) =>
      operator('POST', `/held-operations/${operationId}/decision`, { decision }),
    async setRules(changed) {
      expect((await operator('PATCH', '', { settings: { velocity: changed } })).status).toBe(200);
    },
    async setStatus(status) {
      expect((await operator('PATCH', '', { status })).status).toBe(200);
    },
    sql: (text, values) =>
      withTenant(services.db.app, tenant.slug, async (tx) => (await tx.query(text, values)).rows),
    async expectWhole() {
      expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });
    },
  };
  return watched;
}

export const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

/** How many answers had each status and code, such as `201` and `409 velocity_exceeded`. */
export function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const name = status < 400 ? `${status}` : `${status} ${body.code}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
