// A tenant that sells items, with users who have coins, and what they do at it.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
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

export interface Buyer extends TestUser {
  /** A POST with a new key unless one is given; waits for the outcome. */
  post(path: string, body: object, key?: string): Promise<Answer>;
  get(path: string): Promise<Answer>;
  buy(item: string, more?: object): Promise<Answer>;
  use(id: string, quantity?: number): Promise<Answer>;
  refund(id: string, amount?: number): Promise<Answer>;
  /** The item as this user sees it. */
  sees(item: string): Promise<Answer['body']>;
  balance(): Promise<number>;
}

export interface Stall {
  url: string;
  tenant: TestTenant;
  buyer(coins?: number): Promise<Buyer>;
  /** The catalogue from now on. */
  sell(items: object[]): Promise<void>;
  /** Other settings of the tenant. */
  set(settings: object): Promise<void>;
  platform(method: string, path: string, body?: object): Promise<Answer>;
  /** The books add up. */
  expectWhole(): Promise<void>;
}

export const item = (id: string, rest: object = {}) => ({
  ...{ id, name: `The ${id}`, price: 10, kind: 'durable' },
  ...rest,
});

export async function openStall(
  { url }: Pick<System, 'url'>,
  items: object[],
  settings = {},
): Promise<Stall> {
  const tenant = await createTenant(url, uniqueSlug('stall'), { items, ...settings });
  const change = async (next: object) => {
    const path = `${url}/operator/tenants/${tenant.slug}`;
    const answer = await call('PATCH', path, { token: operatorToken, body: { settings: next } });
    expect(answer.status).toBe(200);
  };
  return {
    url,
    tenant,
    buyer: async (coins = 100) => toBuyer(url, tenant, coins),
    sell: (next) => change({ items: next }),
    set: change,
    platform: (method, path, body) =>
      call(method, `${url}${path}`, {
        token: tenant.secretKey,
        ...(body ? { key: randomUUID(), wait: 10, body } : {}),
      }),
    expectWhole: async () =>
      expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] }),
  };
}

async function toBuyer(url: string, tenant: TestTenant, coins: number): Promise<Buyer> {
  const user = await registerUser(url, tenant);
  if (coins > 0) expect((await grant(url, tenant, user.id, coins)).status).toBe(201);
  const buyer: Buyer = {
    ...user,
    post: (path, body, key = randomUUID()) =>
      call('POST', `${url}${path}`, { token: user.token, key, wait: 10, body }),
    get: (path) => call('GET', `${url}${path}`, { token: user.token }),
    buy: (id, more = {}) => buyer.post('/wallet/spend', { item: id, ...more }),
    use: (id, quantity) => buyer.post(`/wallet/entitlements/${id}/consume`, { quantity }),
    refund: (operationId, amount) => buyer.post('/wallet/refund', { operationId, amount }),
    sees: async (id) => (await buyer.get('/items')).body.data.find((each: { id: string }) => each.id === id),
    balance: async () => (await buyer.get('/wallet/balance')).body.balance,
  };
  return buyer;
}

export const codeOf = ({ status, body }: Answer) => [status, body.code ?? body.status];

export const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

/** How many answers there are of each code. */
export function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    const [, code] = codeOf(answer);
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}
