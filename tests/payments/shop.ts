// A tenant with packs, a user, and the parts of buying run by hand, one step at a time, on real components.
import { randomUUID } from 'node:crypto';
import type { OperationView } from '#shared/contracts/operation.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findPurchase, type PurchaseRow } from '#shared/db/purchases.ts';
import { backends } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  integrity,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { freePort } from '#tests/support/ports.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { createSettler } from '#workers/coalescer.ts';
import type { WorkerDeps } from '#workers/context.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { createPaymentProviders, type PaymentProvider } from '#workers/providers/provider.ts';
import { processPurchases } from '#workers/purchase.ts';

export const packs = [
  { id: 'starter', name: 'Starter', coins: 100, price: 99, currency: 'eur' },
  { id: 'dust', name: 'Dust', coins: 1000, price: 10, currency: 'usd' },
];

/** An API that listens, and no workers: a test does their steps itself. */
export function startShopSystem(name: string, settings: Record<string, string> = {}): Promise<System> {
  // Payments do not depend on where jobs are kept; the stories that do run on both backends.
  return startSystem(name, { backend: backends[0]!, workers: false, settings });
}

/** An address where nobody listens. */
export async function deadUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

function workerDeps(system: System): WorkerDeps {
  const { services } = system;
  // Mail has its own tests: here it stays in the outbox.
  return {
    ...services,
    settler: createSettler(services),
    providers: createPaymentProviders(services),
    mailer: undefined as never,
  };
}

export interface RefundRow {
  amount: number;
  status: string;
  refund_ref: string | null;
}

export type SandboxAction = 'pay' | 'decline' | 'dispute' | 'dispute/win' | 'dispute/lose' | 'refund';

export interface WalletRow {
  balance: number;
  bonus: number;
  debt: number;
  frozen: string | null;
  version: number;
}

export interface Shop {
  system: System;
  deps: WorkerDeps;
  tenant: TestTenant;
  user: TestUser;
  /** Journals a purchase; opens its checkout unless told not to. */
  buy(body?: object, options?: { open?: boolean }): Promise<PurchaseRow>;
  openCheckout(id: string): Promise<void>;
  /** Acts as the payer or the bank; throws unless the sandbox agrees. */
  act(purchase: PurchaseRow, action: SandboxAction, body?: object): Promise<void>;
  /** Waits for so many webhooks to be stored, then acts on all that are open. */
  takeEvents(atLeast: number): Promise<void>;
  /** Buys the starter pack and has it granted. */
  own(body?: object): Promise<PurchaseRow>;
  spend(amount: number): Promise<OperationView>;
  /** Takes the coins; the money waits for `returnMoney`. */
  refund(original: { operationId: string }, amount?: number): Promise<OperationView>;
  returnMoney(operationId: string): Promise<void>;
  purchase(id: string): Promise<PurchaseRow>;
  operation(id: string): Promise<OperationView>;
  operations(kind: string): Promise<OperationView[]>;
  balance(): Promise<number>;
  /** The user's wallet as it is stored. */
  wallet(): Promise<WalletRow>;
  /** What became of the money of a refund, or of an undeliverable purchase. */
  refundRow(operationId: string): Promise<RefundRow | undefined>;
  /** What the card network paid back, by its own books, in minor units. */
  returnedByNetwork(): Promise<number[]>;
  /** Jobs of one queue that wait to leave through the outbox. */
  outbox(queue: string): Promise<Record<string, unknown>[]>;
  /** A statement in the tenant's schema, as the owner. */
  sql<R extends object>(text: string, values?: unknown[]): Promise<R[]>;
  /** Fails unless every balance follows from the entries. */
  expectWhole(): Promise<void>;
}

export async function openShop(system: System, settings: object = {}): Promise<Shop> {
  const deps = workerDeps(system);
  const { url } = system;
  const tenant = await createTenant(url, uniqueSlug('shop'), { packs, ...settings });
  const user = await registerUser(url, tenant);
  const { slug } = tenant;
  const post = (path: string, body: object): Promise<Answer> =>
    call('POST', `${url}${path}`, { token: user.token, key: randomUUID(), body });
  const expectStatus = (answer: Answer, status: number): Answer => {
    if (answer.status === status) return answer;
    throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
  };
  const settle = (id: string) => deps.settler.settle(slug, [id], { notify: false });

  const shop: Shop = {
    system,
    deps,
    tenant,
    user,
    async buy(body = { pack: 'starter' }, { open = true } = {}) {
      const answer = expectStatus(await post('/wallet/buy', { provider: 'sandbox', ...body }), 202);
      if (open) await shop.openCheckout(answer.body.id);
      return shop.purchase(answer.body.id);
    },
    openCheckout: (id) => processPurchases(deps, { tenant: slug, operationIds: [id], notify: false }),
    async act(purchase, action, body) {
      expectStatus(await call('POST', `${purchase.checkoutUrl}/${action}`, body ? { body } : {}), 200);
    },
    async takeEvents(atLeast) {
      const open = await until(`${atLeast} webhooks`, async () => {
        const rows = await shop.sql<{ id: string }>(
          `select id from coinlane.provider_events where tenant = $1 and status in ('received', 'parked')
           order by received_at`,
          [slug],
        );
        return rows.length >= atLeast ? rows : undefined;
      });
      for (const { id } of open) await processProviderJob(deps, { tenant: slug, task: 'event', eventId: id });
    },
    async own(body) {
      const purchase = await shop.buy(body);
      await shop.act(purchase, 'pay');
      await shop.takeEvents(1);
      return shop.purchase(purchase.operationId);
    },
    async spend(amount) {
      const answer = expectStatus(await post('/wallet/spend', { amount }), 202);
      await settle(answer.body.id);
      return shop.operation(answer.body.id);
    },
    async refund(original, amount) {
      const body = { operationId: original.operationId, ...(amount === undefined ? {} : { amount }) };
      const answer = expectStatus(await post('/wallet/refund', body), 202);
      await settle(answer.body.id);
      return shop.operation(answer.body.id);
    },
    returnMoney: (operationId) => processProviderJob(deps, { tenant: slug, task: 'refund', operationId }),
    async purchase(id) {
      const row = await withTenant(deps.db.app, slug, (tx) => findPurchase(tx, id));
      if (!row) throw new Error(`no purchase ${id}`);
      return row;
    },
    async operation(id) {
      return expectStatus(await call('GET', `${url}/operations/${id}`, { token: tenant.secretKey }), 200)
        .body;
    },
    async operations(kind) {
      const rows = await shop.sql<{ id: string }>(`select id from operations where kind = $1 order by seq`, [
        kind,
      ]);
      return Promise.all(rows.map((row) => shop.operation(row.id)));
    },
    async balance() {
      return expectStatus(await call('GET', `${url}/wallet/balance`, { token: user.token }), 200).body
        .balance;
    },
    async wallet() {
      const [row] = await shop.sql<WalletRow>(
        `select balance, bonus, debt, frozen_reason as frozen, version from wallets where user_id = $1`,
        [user.id],
      );
      if (!row) throw new Error('no wallet');
      return row;
    },
    async refundRow(id) {
      const rows = await shop.sql<RefundRow>(
        `select amount, status, refund_ref from purchase_refunds where operation_id = $1`,
        [id],
      );
      return rows[0];
    },
    async returnedByNetwork() {
      const rows = await shop.sql<{ amount: number }>(
        `select amount from coinlane.sandbox_refunds where tenant = $1 order by created_at`,
        [slug],
      );
      return rows.map((row) => row.amount);
    },
    async outbox(queue) {
      const rows = await shop.sql<{ job: Record<string, unknown> }>(
        `select data->'job' as job from pgboss.job where data->>'queue' = $1 and data->'job'->>'tenant' = $2`,
        [queue, slug],
      );
      return rows.map((row) => row.job);
    },
    async sql<R extends object>(text: string, values: unknown[] = []) {
      const client = await system.services.db.owner.connect();
      try {
        await client.query('begin');
        await client.query(`set local search_path to "tenant_${slug}"`);
        const result = await client.query<R>(text, values);
        await client.query('commit');
        return result.rows;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    async expectWhole() {
      const answer = await integrity(url, slug);
      if (answer.body.ok !== true) throw new Error(`not whole: ${JSON.stringify(answer.body)}`);
    },
  };
  return shop;
}

/** The shop's workers with some of the provider's answers replaced. */
export function withProvider(shop: Shop, change: Partial<PaymentProvider>): WorkerDeps {
  const real = shop.deps.providers.of('sandbox');
  if (!real) throw new Error('there is no sandbox');
  return { ...shop.deps, providers: { of: () => ({ ...real, ...change }) } };
}

/** Coins as a gift, so that a wallet holds more than was bought. */
export async function give(shop: Shop, amount: number): Promise<void> {
  const { system, tenant, user } = shop;
  // Without workers nobody settles it while the request waits.
  const answer = await call('POST', `${system.url}/wallet/grant`, {
    token: tenant.secretKey,
    key: randomUUID(),
    body: { userId: user.id, amount },
  });
  await shop.deps.settler.settle(tenant.slug, [answer.body.id], { notify: false });
}
