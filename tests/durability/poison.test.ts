// One operation that the database refuses to write: all others go on in order, it gets its outcome, and a person hears of it.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { OperationView } from '#shared/contracts/operation.ts';
import { newId } from '#shared/runtime/ids.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import {
  call,
  createTenant,
  eventually,
  grant,
  integrity,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { settledAll, withOwner } from '#tests/support/ledger-view.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { createSettler } from '#workers/coalescer.ts';

let system: System;
let tenant: TestTenant;
afterEach(() => system?.close());

/** The ledger refuses every posting of 13 coins, as a broken row or a bug of ours would make it. */
async function start(name: string, backend: TestBackend, options: { workers?: boolean } = {}): Promise<void> {
  // Its alerts would fill the output.
  system = await startSystem(name, { backend, settings: { LOG_LEVEL: 'silent' }, ...options });
  tenant = await createTenant(system.url, uniqueSlug('poison'));
  await asOwner(`create function refuse_13() returns trigger language plpgsql as $$
      begin raise exception 'thirteen is poison'; end $$`);
  await asOwner(`create trigger refuse_13 before insert on entries for each row
      when (abs(new.amount) = 13) execute function refuse_13()`);
}

const asOwner = <R extends object>(text: string, values: unknown[] = []) =>
  withOwner(system.database.url, async (client) => {
    await client.query(`set search_path to "tenant_${tenant.slug}"`);
    return (await client.query<R>(text, values)).rows;
  });

const newUser = async (coins: number): Promise<TestUser> => {
  const user = await registerUser(system.url, tenant);
  expect((await grant(system.url, tenant, user.id, coins)).status).toBe(201);
  return user;
};

/** Journals spends in one turn, so that one insert and one job carry them all. */
async function spendTogether(spends: [TestUser, number][]): Promise<string[]> {
  const { accept, wallets } = system.api.deps;
  const at = (await system.services.tenants.find(tenant.slug))!;
  const walletIds = await Promise.all(spends.map(([user]) => wallets.walletOf(at, user.id)));
  const accepted = await Promise.all(
    spends.map(([{ id: userId }, amount], index) => {
      const draft = { kind: 'spend' as const, walletId: walletIds[index]!, userId, amount };
      return accept.submit(
        at,
        newId(),
        { ...draft, idempotencyKey: randomUUID(), body: {} },
        { wait: false },
      );
    }),
  );
  return accepted.map(({ view }) => view.id);
}

const operation = async (id: string): Promise<OperationView> =>
  (await call('GET', `${system.url}/operations/${id}`, { token: tenant.secretKey })).body;
const operations = (ids: string[]) => Promise.all(ids.map(operation));
const short = ({ status, reason, balanceAfter }: OperationView) => [status, reason, balanceAfter];

const failedJobs = async (name: 'spend' | 'provider' | 'purchase') =>
  await system.services.producer.queue(name, 0).getFailed();
const audited = () =>
  asOwner<{ target: string }>(
    `select target, detail from coinlane.audit where action = 'operation.poisoned' and tenant = $1`,
    [tenant.slug],
  );

describe.each(backends)('on $name', (backend) => {
  test('the others of its batch and of its wallet are applied, in order, and it is rejected', async () => {
    await start(`poison_${backend.name}`, backend);
    const [ada, bob] = [await newUser(100), await newUser(100)];
    const ids = await spendTogether([
      [ada, 1],
      [bob, 2],
      [ada, 13],
      [ada, 4],
      [bob, 5],
      [ada, 6],
      [bob, 13],
      [bob, 8],
    ]);
    await settledAll(system.database.url, tenant.slug);
    const stored = await operations(ids);
    expect(stored.map(short)).toEqual([
      ['applied', null, 99],
      ['applied', null, 98],
      ['rejected', 'internal_error', 99],
      ['applied', null, 95],
      ['applied', null, 93],
      ['applied', null, 89],
      ['rejected', 'internal_error', 93],
      ['applied', null, 85],
    ]);
    const culprits = [ids[2]!, ids[6]!];
    const job = await eventually('the failed job', async () => (await failedJobs('spend'))[0]);
    expect(job.data).toMatchObject({ tenant: tenant.slug, operationIds: ids });
    for (const id of culprits) expect(job.failedReason).toContain(id);
    expect((await audited()).map((row) => row.target).sort()).toEqual(culprits.sort());
    const metrics = await system.services.metrics.registry.metrics();
    expect(metrics).toContain('coinlane_operations_poisoned_total{kind="spend"} 2');
    expect((await integrity(system.url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });
    // The caller who waits hears that it was our fault, and nothing of the inside.
    const waited = await call('POST', `${system.url}/wallet/spend`, {
      token: ada.token,
      key: randomUUID(),
      wait: 10,
      body: { amount: 13 },
    });
    expect([waited.status, waited.body.code]).toEqual([500, 'internal_error']);
    expect(JSON.stringify(waited.body)).not.toMatch(/thirteen|trigger|exception/);
    expect(waited.headers.get('location')).toMatch(/^\/operations\//);
  });

  test('a paid purchase that cannot be granted ends undeliverable, and its money goes back', async () => {
    await start(`poison_buy_${backend.name}`, backend);
    const user = await newUser(50);
    const bought = await call('POST', `${system.url}/wallet/buy`, {
      token: user.token,
      key: randomUUID(),
      wait: 10,
      body: { coins: 13, provider: 'sandbox' },
    });
    expect(bought.body.status).toBe('awaiting_payment');
    expect((await call('POST', `${bought.body.checkoutUrl}/pay`)).status).toBe(200);
    const ended = await eventually('the money back', async () => {
      const view = await operation(bought.body.id);
      return view.payment?.refunded === 13 && view;
    });
    expect(ended).toMatchObject({ status: 'rejected', reason: 'internal_error', balanceAfter: 50 });
    expect(ended.payment).toMatchObject({ status: 'undeliverable', price: 13 });
    const returned = `select amount::int as amount from coinlane.sandbox_refunds where tenant = $1`;
    expect(await asOwner(returned, [tenant.slug])).toEqual([{ amount: 13 }]);
    const detail = { kind: 'purchase', error: 'thirteen is poison' };
    expect(await audited()).toEqual([{ target: bought.body.id, detail }]);
    const failed = await eventually('a failed job', async () => {
      const jobs = [...(await failedJobs('provider')), ...(await failedJobs('purchase'))];
      return jobs.find((job) => job.failedReason?.includes(bought.body.id));
    });
    expect(failed.data.tenant).toBe(tenant.slug);
    expect((await integrity(system.url, tenant.slug)).body.ok).toBe(true);
  });

  test('its own job fails too when another run found it first', async () => {
    await start(`poison_first_${backend.name}`, backend);
    const user = await newUser(50);
    await system.workers!.close();
    const [culprit, next] = await spendTogether([
      [user, 13],
      [user, 1],
    ]);
    const settler = createSettler(system.services);
    // A job that carries only the later one of the wallet.
    await settler.settle(tenant.slug, [next!], { notify: false });
    expect((await operations([culprit!, next!])).map(short)).toEqual([
      ['rejected', 'internal_error', 50],
      ['applied', null, 49],
    ]);
    const own = await settler.settle(tenant.slug, [culprit!, next!], { notify: false });
    expect(own.poisoned).toEqual([culprit]);
    expect(await settler.settle(tenant.slug, [next!], { notify: false })).toEqual({ poisoned: [] });
  });
});

const postgres = backends[0]!;

test('processes that meet the culprit at the same moment reject it once, and nobody else', async () => {
  await start('poison_race', postgres, { workers: false });
  const user = await registerUser(system.url, tenant);
  const amounts = Array.from({ length: 40 }, (_, index) => (index % 4 === 1 ? 13 : 1));
  await call('POST', `${system.url}/wallet/grant`, {
    token: tenant.secretKey,
    key: randomUUID(),
    body: { userId: user.id, amount: 1000 },
  });
  const ids = await spendTogether(amounts.map((amount) => [user, amount]));
  const settlers = Array.from({ length: 4 }, () => createSettler(system.services));
  await Promise.all(settlers.map((settler) => settler.settle(tenant.slug, ids, { notify: false })));
  const statuses = (await operations(ids)).map(({ status }) => status);
  expect(statuses).toEqual(amounts.map((amount) => (amount === 13 ? 'rejected' : 'applied')));
  expect(await audited()).toHaveLength(10);
  expect((await integrity(system.url, tenant.slug)).body.ok).toBe(true);
});

test('one that cannot even be rejected holds up its own wallet, and no other', async () => {
  await start('poison_stuck', postgres, { workers: false });
  const users = await Promise.all(Array.from({ length: 5 }, () => registerUser(system.url, tenant)));
  await asOwner(`create trigger refuse_outcome before update on operations for each row
    when (old.amount = 17) execute function refuse_13()`);
  for (const user of users) {
    const body = { userId: user.id, amount: 100 };
    await call('POST', `${system.url}/wallet/grant`, { token: tenant.secretKey, key: randomUUID(), body });
  }
  const spends = users.map((user, index): [TestUser, number] => [user, index === 2 ? 17 : 5]);
  const ids = await spendTogether(spends);
  const settler = createSettler(system.services);
  const outcomes = await Promise.allSettled(
    ids.map((id) => settler.settle(tenant.slug, [id], { notify: false })),
  );
  expect(outcomes.map(({ status }) => status === 'rejected')).toEqual([false, false, true, false, false]);
  expect((await operations(ids)).map(({ status }) => status)).toEqual(
    spends.map(([, amount]) => (amount === 17 ? 'accepted' : 'applied')),
  );
  await asOwner(`drop trigger refuse_outcome on operations`);
  await settler.settle(tenant.slug, ids, { notify: false });
  expect((await operations(ids)).map(short)).toEqual(
    spends.map(([, amount]) => ['applied', null, 100 - amount]),
  );
});
