// A tenant that pays its creators out, one of them with coins from a fan, and what the stories do there.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import {
  type Answer,
  call,
  eventually,
  integrity,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { operatorToken, type System, uniqueSlug } from '#tests/support/system.ts';

/** Ten coins are seven cents; they wait two weeks; twenty at least. */
const rules = { coins: 10, price: 7, currency: 'eur', minimum: 20, holdDays: 14, provider: 'sandbox' };
export const twoWeeks = 14 * 86_400;

export interface Stage {
  system: System;
  tenant: TestTenant;
  fan: TestUser;
  /** As the platform unless a token is given; a POST with a new key unless one is given. */
  send(
    method: string,
    path: string,
    body?: object,
    options?: { token?: string; key?: string },
  ): Promise<Answer>;
  addUser(): Promise<TestUser>;
  /** Somebody whom the fan sent coins that have waited long enough. */
  addCreator(coins: number, destination?: string | null): Promise<TestUser>;
  /** The fan sends coins. */
  tip(to: TestUser, coins: number): Promise<void>;
  fund(user: TestUser, coins: number, bucket?: 'paid' | 'bonus'): Promise<void>;
  pay(user: TestUser, amount: number, options?: { key?: string }): Promise<Answer>;
  advance(seconds: number): Promise<void>;
  earnings(user: TestUser): Promise<Answer['body']>;
  balance(user: TestUser): Promise<number>;
  payout(id: string): Promise<Answer['body']>;
  /** Until it stands so. */
  until(id: string, state: string): Promise<Answer['body']>;
  set(settings: object): Promise<void>;
  expectWhole(): Promise<void>;
  sql<R extends object>(text: string, values?: unknown[]): Promise<R[]>;
}

export async function openStage(system: System, changed: object = {}, sandbox = true): Promise<Stage> {
  const { url } = system;
  const slug = uniqueSlug('creators');
  const made = await call('POST', `${url}/operator/tenants`, {
    token: operatorToken,
    body: { slug, name: slug, sandbox, settings: { payouts: { ...rules, ...changed } } },
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const tenant = { slug, secretKey: made.body.secretKey };
  const fan = await registerUser(url, tenant, 'fan');
  const stage: Stage = {
    ...{ system, tenant, fan },
    send: (method, path, body, { token = tenant.secretKey, key = randomUUID() } = {}) =>
      call(method, `${url}${path}`, { token, key, wait: 10, body }),
    addUser: () => registerUser(url, tenant, 'creator'),
    async addCreator(coins, destination = 'acct-nora') {
      const creator = await stage.addUser();
      if (coins > 0) await stage.tip(creator, coins);
      if (sandbox) await stage.advance(twoWeeks);
      if (destination === null) return creator;
      const said = await stage.send('PUT', '/wallet/payout-destination', { destination, userId: creator.id });
      expect(said.status, JSON.stringify(said.body)).toBe(200);
      return creator;
    },
    async tip(to, coins) {
      await stage.fund(fan, coins);
      const body = { userId: fan.id, toUserId: to.id, amount: coins };
      expect((await stage.send('POST', '/wallet/transfer', body)).status).toBe(201);
    },
    async fund(user, amount, bucket = 'paid') {
      const body = { userId: user.id, amount, bucket };
      expect((await stage.send('POST', '/wallet/grant', body)).status).toBe(201);
    },
    pay: (user, amount, options) =>
      stage.send('POST', '/wallet/payouts', { userId: user.id, amount }, options ?? {}),
    async advance(seconds) {
      expect((await stage.send('POST', '/test-clock/advance', { seconds })).status).toBe(200);
    },
    earnings: async (user) => (await stage.send('GET', `/wallet/earnings?userId=${user.id}`)).body,
    balance: async (user) => (await stage.send('GET', `/wallet/balance?userId=${user.id}`)).body.balance,
    payout: async (id) => (await stage.send('GET', `/payouts/${id}`)).body,
    until: (id, state) =>
      eventually(`payout ${id} to be ${state}`, async () => {
        const payout = await stage.payout(id);
        return payout.state === state && payout;
      }),
    async set(settings) {
      const path = `${url}/operator/tenants/${slug}`;
      const answer = await call('PATCH', path, { token: operatorToken, body: { settings } });
      expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    },
    expectWhole: async () =>
      expect((await integrity(url, slug)).body).toMatchObject({ ok: true, differences: [] }),
    sql: async <R extends object>(text: string, values: unknown[] = []) =>
      (await system.services.db.owner.query<R>(text.replaceAll('$schema', `"tenant_${slug}"`), values)).rows,
  };
  return stage;
}
