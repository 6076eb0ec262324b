// What the tests of reading share: users with wallets, and every way in which coins move, each waited for.
import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { insertOperations, type JournalRow } from '#shared/db/journal.ts';
import { withTenant } from '#shared/db/pool.ts';
import { newId } from '#shared/runtime/ids.ts';
import { backends } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  eventually,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { settle } from '#workers/settle.ts';

export interface Reader extends TestUser {
  walletId: string;
}

export interface Books {
  system: System;
  url: string;
  tenant: TestTenant;
  openReader(name?: string): Promise<Reader>;
  get(path: string, token?: string): Promise<Answer>;
  /** As the user; waits for the outcome. */
  post(user: TestUser, path: string, body: object): Promise<Answer>;
  /** 100 coins for 0.99 euro. @returns the id of the purchase */
  buy(user: TestUser): Promise<string>;
  grant(user: TestUser, amount: number, more?: object): Promise<string>;
  spend(user: TestUser, amount: number, more?: object): Promise<string>;
  /** Straight into the journal, and settled. */
  run(user: Reader, draft: Pick<JournalRow, 'kind'> & Partial<JournalRow>): Promise<string>;
  transfer(from: Reader, legs: [to: Reader, coins: number][], fee?: number): Promise<string>;
  explain(user: TestUser, token?: string): Promise<Explained>;
  /** A statement in the tenant's schema, as the owner. */
  sql<R extends object>(text: string, values?: unknown[]): Promise<R[]>;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
export type Explained = any;

const starter = { id: 'starter', name: 'Starter', coins: 100, price: 99, currency: 'eur' };

export const startBooks = (name: string) => startSystem(name, { backend: backends[0]! });

export async function openBooks(system: System): Promise<Books> {
  const { url, services } = system;
  const tenant = await createTenant(url, uniqueSlug('books'), { packs: [starter], mail: { enabled: false } });
  const done = (answer: Answer): string => {
    expect([answer.status, answer.body.code]).toEqual([201, undefined]);
    return answer.body.id;
  };
  const asPlatform = (path: string, body: object) =>
    call('POST', `${url}${path}`, { token: tenant.secretKey, key: randomUUID(), wait: 10, body });
  const books: Books = {
    system,
    url,
    tenant,
    get: (path, token = tenant.secretKey) => call('GET', `${url}${path}`, { token }),
    post: (user, path, body) =>
      call('POST', `${url}${path}`, { token: user.token, key: randomUUID(), wait: 10, body }),
    sql: async (text, values = []) => {
      const client = await services.db.owner.connect();
      try {
        await client.query(`set search_path to "tenant_${tenant.slug}"`);
        return (await client.query(text, values)).rows;
      } finally {
        client.release(true);
      }
    },
    async openReader(name = 'reader') {
      const user = await registerUser(url, tenant, name);
      const [row] = await books.sql<{ id: string }>('select id from wallets where user_id = $1', [user.id]);
      return { ...user, walletId: row?.id ?? '' };
    },
    async buy(user) {
      const answer = await books.post(user, '/wallet/buy', { pack: 'starter', provider: 'sandbox' });
      const id = done(answer);
      await call('POST', `${answer.body.checkoutUrl}/pay`);
      await eventually(
        'the coins',
        async () => (await books.get(`/operations/${id}`)).body.status === 'applied',
      );
      return id;
    },
    grant: async (user, amount, more = {}) =>
      done(await asPlatform('/wallet/grant', { userId: user.id, amount, ...more })),
    spend: async (user, amount, more = {}) =>
      done(await books.post(user, '/wallet/spend', { amount, ...more })),
    async run(user, draft) {
      const id = newId();
      const row: JournalRow = {
        id,
        due: true,
        walletId: user.walletId,
        userId: user.id,
        amount: null,
        bucket: null,
        originalId: null,
        shortfall: null,
        idempotencyKey: randomUUID(),
        bodyHash: randomBytes(32).toString('hex'),
        reference: null,
        metadata: null,
        note: null,
        terms: null,
        groupId: null,
        ...draft,
      };
      await withTenant(services.db.app, tenant.slug, (tx) => insertOperations(tx, [row]));
      await settle(services, tenant.slug, [id], { limit: 100 });
      expect((await books.get(`/operations/${id}`)).body).toMatchObject({ status: 'applied' });
      return id;
    },
    transfer(from, legs, fee = 0) {
      const parts = legs.map(([to, coins]) => ({ walletId: to.walletId, userId: to.id, coins }));
      const amount = parts.reduce((sum, part) => sum + part.coins, fee);
      return books.run(from, { kind: 'transfer', amount, terms: { legs: parts, bonus: true } });
    },
    async explain(user, token = user.token) {
      const query = token === tenant.secretKey ? `?userId=${user.id}` : '';
      const answer = await books.get(`/wallet/explain${query}`, token);
      expect(answer.status).toBe(200);
      const { lots, balance, held } = answer.body;
      const sumOf = (some: { coins: number }[]) => some.reduce((sum, lot) => sum + lot.coins, 0);
      expect(sumOf(lots)).toBe(balance);
      expect(sumOf(lots.filter((lot: { holdId: string | null }) => lot.holdId !== null))).toBe(held);
      return answer.body;
    },
  };
  return books;
}
