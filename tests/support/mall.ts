// The whole system beside both providers' stand-ins, reached by the real SDKs over real HTTP.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type PaypalEmulator, startPaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import { type StripeEmulator, startStripeEmulator } from '#tests/emulators/stripe/stripe.ts';
import type { TestBackend } from './backends.ts';
import { type Answer, call, createTenant, eventually, integrity, registerUser } from './client.ts';
import { type MallBank, mallBank, type ProviderName } from './mall-bank.ts';
import { type System, startSystem, uniqueSlug } from './system.ts';

const packs = [
  { id: 'starter', name: 'Starter', coins: 1000, price: 499, currency: 'usd' },
  { id: 'yen', name: 'Yen pack', coins: 300, price: 500, currency: 'jpy' },
];

export interface Mall {
  system: System;
  stripe: StripeEmulator;
  paypal: PaypalEmulator;
  /** A tenant with accounts of its own at both providers. */
  open(settings?: object): Promise<Stall>;
  close(): Promise<void>;
}

export interface StallAccounts {
  stripe: { secretKey: string; webhookSecret: string };
  paypal: { clientId: string; clientSecret: string; webhookId: string };
}

export interface Purchase {
  id: string;
  checkoutUrl: string;
}

/** One tenant of the mall, with one user, as that user and its platform see it. */
export interface Stall {
  slug: string;
  secretKey: string;
  userId: string;
  accounts: StallAccounts;
  post(path: string, body: object, wait?: number): Promise<Answer>;
  get(path: string): Promise<Answer['body']>;
  buy(provider: ProviderName, pack?: string): Promise<Purchase>;
  /** As the payer's browser does it: the hosted page's Pay. */
  pay(purchase: Purchase): Promise<void>;
  balance(): Promise<{ balance: number; debt: number }>;
  /** Once paid: the bank's hand on it. */
  bankOf(purchase: Purchase): Promise<MallBank>;
  untilPayment(id: string, wanted: object): Promise<void>;
  untilBalance(balance: number, debt?: number): Promise<void>;
  expectWhole(): Promise<void>;
}

/** `settings`: by their environment names. `workers: false`: an API alone, for tests that run workers apart. */
export async function openMall(
  name: string,
  backend: TestBackend,
  options: { settings?: Record<string, string>; workers?: boolean } = {},
): Promise<Mall> {
  const stripe = await startStripeEmulator();
  const paypal = await startPaypalEmulator();
  const system = await startSystem(name, {
    backend,
    settings: { STRIPE_API_URL: stripe.url, PAYPAL_API_URL: paypal.url, ...options.settings },
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  });
  return {
    system,
    stripe,
    paypal,
    open: (settings) => openStall(system, stripe, paypal, settings),
    async close() {
      await system.close();
      await Promise.all([stripe.close(), paypal.close()]);
    },
  };
}

async function openStall(
  system: System,
  stripe: StripeEmulator,
  paypal: PaypalEmulator,
  settings: object = {},
): Promise<Stall> {
  const slug = uniqueSlug('stall');
  const { url } = system;
  const accounts: StallAccounts = {
    stripe: { secretKey: `sk_test_${slug}`, webhookSecret: `whsec_${slug}` },
    paypal: {
      clientId: `client-${slug}`,
      clientSecret: `secret-${slug}`,
      webhookId: `WH${slug.replaceAll('-', '')}`,
    },
  };
  stripe.addAccount({ ...accounts.stripe, webhookUrl: `${url}/webhooks/stripe/${slug}` });
  paypal.addAccount({ ...accounts.paypal, webhookUrl: `${url}/webhooks/paypal/${slug}` });
  const tenant = await createTenant(url, slug, { packs, providers: accounts, ...settings });
  const user = await registerUser(url, tenant);
  const post = (path: string, body: object, wait?: number) =>
    call('POST', `${url}${path}`, { token: user.token, key: randomUUID(), body, wait });
  const get = async (path: string) => (await call('GET', `${url}${path}`, { token: user.token })).body;
  const balance = () => get('/wallet/balance');
  return {
    slug,
    secretKey: tenant.secretKey,
    userId: user.id,
    accounts,
    post,
    get,
    async buy(provider, pack = 'starter') {
      const answer = await post('/wallet/buy', { provider, pack }, 10);
      expect(answer).toMatchObject({ status: 201, body: { status: 'awaiting_payment' } });
      return { id: answer.body.id, checkoutUrl: answer.body.checkoutUrl };
    },
    async pay({ checkoutUrl }) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await call('POST', checkoutUrl, { body: 'choice=pay', headers });
      expect([200, 302, 303]).toContain(answer.status);
    },
    balance,
    async bankOf({ id }) {
      const found = await system.services.db.owner.query<{
        provider: ProviderName;
        ref: string;
        price: number;
      }>(
        `select provider, payment_ref as ref, price from "tenant_${slug}".purchases where operation_id = $1`,
        [id],
      );
      const { provider, ref, price } = found.rows[0] ?? {};
      if (!provider || !ref || !price) throw new Error(`no money came for ${id}`);
      return mallBank({ stripe, paypal }, provider, ref, price);
    },
    untilPayment: (id, wanted) =>
      eventually(`payment of ${id} to be ${JSON.stringify(wanted)}`, async () => {
        const { payment } = await get(`/operations/${id}`);
        return Object.entries(wanted).every(([key, value]) => payment[key] === value);
      }).then(() => undefined),
    untilBalance: (wanted, debt = 0) =>
      eventually(`a balance of ${wanted} and a debt of ${debt}`, async () => {
        const now = await balance();
        return now.balance === wanted && now.debt === debt;
      }).then(() => undefined),
    async expectWhole() {
      expect((await integrity(url, slug)).body).toMatchObject({ ok: true, differences: [] });
    },
  };
}

/** The newest audit lines of a tenant with this action; for what must never happen in silence. */
export async function auditOf(system: System, slug: string, action: string): Promise<object[]> {
  const result = await system.services.db.owner.query<{ detail: object }>(
    `select detail from coinlane.audit where tenant = $1 and action = $2 order by id desc`,
    [slug, action],
  );
  return result.rows.map((row) => row.detail);
}
