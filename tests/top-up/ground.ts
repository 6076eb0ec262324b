// A tenant whose users let providers keep their methods, and the steps of topping up as its users see them.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  eventually,
  grant,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { type Mall, openMall } from '#tests/support/mall.ts';
import { uniqueSlug } from '#tests/support/system.ts';

export type Keeper = 'stripe' | 'sandbox';
export const keepers: Keeper[] = ['stripe', 'sandbox'];
export type Card = 'ok' | 'declines-later';

const packs = [
  { id: 'refill', name: 'Refill', coins: 100, price: 99, currency: 'eur' },
  { id: 'gems', name: 'Gems', coins: 10, price: 50, currency: 'eur', coin: 'GEM' },
];

export const openTopUpMall = (name: string): Promise<Mall> =>
  openMall(name, backends[0]!, { settings: { WEBHOOK_ALLOW_LOOPBACK: 'true' } });

export interface Customer {
  tenant: TestTenant;
  user: TestUser;
  send(method: string, path: string, body?: object): Promise<Answer>;
  /** Buys the refill and has the method kept. */
  keep(provider: Keeper, card?: Card): Promise<{ id: string; label: string }>;
  give(coins: number): Promise<void>;
  spend(amount: number): Promise<Answer>;
  balance(): Promise<number>;
  untilBalance(coins: number): Promise<void>;
  rule(): Promise<Answer['body']>;
  /** Purchases that top-ups made, the oldest first. */
  topUps(): Promise<{ id: string; status: string; payment: string }[]>;
  /** Templates of mails about top-ups. */
  mails(): Promise<string[]>;
  sql<R extends object>(text: string, values?: unknown[]): Promise<R[]>;
}

export async function openTenant(mall: Mall, settings: object = {}): Promise<TestTenant> {
  const slug = uniqueSlug('refill');
  const { url } = mall.system;
  const stripe = { secretKey: `sk_test_${slug}`, webhookSecret: `whsec_${slug}` };
  const paypal = {
    clientId: `c-${slug}`,
    clientSecret: `s-${slug}`,
    webhookId: `WH${slug.replaceAll('-', '')}`,
  };
  mall.stripe.addAccount({ ...stripe, webhookUrl: `${url}/webhooks/stripe/${slug}` });
  mall.paypal.addAccount({ ...paypal, webhookUrl: `${url}/webhooks/paypal/${slug}` });
  const coins = [{ code: 'GEM', name: 'Gem', symbol: 'g' }];
  return createTenant(url, slug, { packs, coins, providers: { stripe, paypal }, ...settings });
}

export async function openCustomer(mall: Mall, tenant: TestTenant): Promise<Customer> {
  const { url, services } = mall.system;
  const user = await registerUser(url, tenant);
  const schema = `tenant_${tenant.slug}`;
  const customer: Customer = {
    tenant,
    user,
    send: (method, path, body) =>
      call(method, `${url}${path}`, { token: user.token, key: randomUUID(), wait: 10, body }),
    async keep(provider, card = 'ok') {
      const methods = async () => (await customer.send('GET', '/payment-methods')).body.data;
      const before = (await methods()).length;
      const asked = { pack: 'refill', provider, storeMethod: true };
      const { status, body } = await customer.send('POST', '/wallet/buy', asked);
      expect(status).toBe(201);
      if (provider === 'stripe') {
        const later = card === 'ok' ? 'ok' : 'card_declined';
        mall.stripe.payer.pay(/cs_\w+/.exec(body.checkoutUrl)?.[0] ?? '', { later });
      } else {
        const chosen = card === 'ok' ? {} : { body: { card } };
        expect((await call('POST', `${body.checkoutUrl}/pay`, chosen)).status).toBe(200);
      }
      return eventually('the method', async () => {
        const kept = await methods();
        return kept.length > before && kept[0];
      });
    },
    async give(coins) {
      expect((await grant(url, tenant, user.id, coins)).status).toBe(201);
    },
    spend: (amount) => customer.send('POST', '/wallet/spend', { amount }),
    balance: async () => (await customer.send('GET', '/wallet/balance')).body.balance,
    untilBalance: (coins) =>
      eventually(`a balance of ${coins}`, async () => (await customer.balance()) === coins).then(
        () => undefined,
      ),
    rule: async () => (await customer.send('GET', '/wallet/top-up')).body,
    topUps: () =>
      customer.sql(
        `select o.id, o.status, p.status as payment from "${schema}".operations o
         join "${schema}".purchases p on p.operation_id = o.id
         where o.user_id = $1 and p.method_id is not null order by o.id`,
        [user.id],
      ),
    async mails() {
      const rows = await customer.sql<{ template: string }>(
        `select template from coinlane.mails where user_id = $1 and template = 'top_up_disabled'`,
        [user.id],
      );
      return rows.map(({ template }) => template);
    },
    sql: async <R extends object>(text: string, values: unknown[] = []) =>
      (await services.db.owner.query<R>(text, values)).rows,
  };
  return customer;
}
