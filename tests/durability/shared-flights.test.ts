// Many tenants at once: what they bring is journaled and settled in few transactions, and no tenant's trouble is another's.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { type Accept, createAccept } from '#api/accept.ts';
import type { Accepted } from '#api/journal.ts';
import type { OutcomeNews } from '#shared/queue/outcome-channel.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { createTenant, eventually, registerUser } from '#tests/support/client.ts';
import { withOwner } from '#tests/support/ledger-view.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { createSettler, type Settler } from '#workers/coalescer.ts';

/** Twice as many as there are flights. */
const tenantCount = 8;
const flights = 4;

interface Payer {
  tenant: Tenant;
  userId: string;
  walletId: string;
}

let system: System;
let accept: Accept;
let settler: Settler;
let payers: Payer[];
afterEach(() => system?.close());

/** No workers: the test settles, so that it knows when. */
async function start(name: string, backend: TestBackend): Promise<void> {
  system = await startSystem(name, { backend, settings: { LOG_LEVEL: 'silent' }, workers: false });
  accept = createAccept(system.services, flights);
  settler = createSettler(system.services, flights);
  payers = [];
  for (let n = 0; n < tenantCount; n += 1) {
    const made = await createTenant(system.url, uniqueSlug('many'));
    const tenant = (await system.services.tenants.find(made.slug))!;
    const { id: userId } = await registerUser(system.url, made);
    payers.push({ tenant, userId, walletId: await system.api.deps.wallets.walletOf(tenant, userId) });
  }
}

const give = ({ tenant, ...owner }: Payer, amount: number, idempotencyKey: string = randomUUID()) =>
  accept.submit(
    tenant,
    newId(),
    { kind: 'grant', ...owner, amount, bucket: 'paid', idempotencyKey, body: { amount } },
    { wait: false },
  );
/** In one turn of the event loop, as requests of one moment are. */
const giveAll = (amount: number) => Promise.all(payers.map((payer) => give(payer, amount)));
const idsOf = (accepted: Accepted[]) => accepted.map(({ view }) => view.id);
const settle = (index: number, id: string) =>
  settler.settle(payers[index]!.tenant.slug, [id], { notify: false });
const settleAll = (ids: string[]) => Promise.all(ids.map((id, index) => settle(index, id)));

const schemaOf = ({ tenant }: Payer) => pg.escapeIdentifier(`tenant_${tenant.slug}`);
/** One answer of each tenant. */
const askAll = <R extends object>(query: (schema: string) => string): Promise<R[]> =>
  withOwner(system.database.url, async (client) => {
    const rows: R[] = [];
    for (const payer of payers) rows.push((await client.query<R>(query(schemaOf(payer)))).rows[0]!);
    return rows;
  });
const statuses = async () =>
  (
    await askAll<{ status: string }>(
      (s) => `select string_agg(status, ' ' order by seq) as status from ${s}.operations`,
    )
  ).map(({ status }) => status);
const transactions = async (table: string) =>
  new Set((await askAll<{ xmin: string }>((s) => `select xmin from ${s}.${table}`)).map(({ xmin }) => xmin))
    .size;

/** Far more than others may lose by a lock, and far less than those who lock. */
const waitMsMax = 20_000;
const inTime = async (work: Promise<unknown>[]): Promise<void> => {
  const late = sleep(waitMsMax, 'late', { ref: false });
  expect(await Promise.race([Promise.all(work), late])).not.toBe('late');
};

/** Whatever `sql` locks of the second tenant stays locked while `work` is done. */
const whileLocked = (sql: (schema: string) => string, work: () => Promise<void>) =>
  withOwner(system.database.url, async (client) => {
    await client.query('begin');
    await client.query(sql(schemaOf(payers[1]!)));
    await work();
    await client.query('rollback');
  });
const others = <T>(all: T[]) => all.filter((_, index) => index !== 1);

describe.each(backends)('on $name', (backend) => {
  test('several tenants share one commit, in the journal and in the ledger', async () => {
    await start(`flights_${backend.name}`, backend);
    const ids = idsOf(await giveAll(10));
    expect(await transactions('operations')).toBe(flights);
    await settleAll(ids);
    expect(await transactions('entries')).toBe(flights);
    const balances = await askAll<{ balance: string }>((s) => `select balance from ${s}.wallets`);
    expect(balances.map(({ balance }) => Number(balance))).toEqual(payers.map(() => 10));
  });

  test('an operation that the database refuses is rejected alone, whoever shared its transaction', async () => {
    await start(`flights_poison_${backend.name}`, backend);
    await withOwner(system.database.url, async (client) => {
      await client.query(`set search_path to ${schemaOf(payers[1]!)}`);
      await client.query(`create function refuse() returns trigger language plpgsql as $$
        begin raise exception 'poison'; end $$`);
      await client.query(
        'create trigger refuse before insert on entries for each row execute function refuse()',
      );
    });
    const ids = idsOf(await giveAll(10));
    const results = await settleAll(ids);
    expect(results.map(({ poisoned }) => poisoned)).toEqual(
      ids.map((id, index) => (index === 1 ? [id] : [])),
    );
    expect(await statuses()).toEqual(payers.map((_, index) => (index === 1 ? 'rejected' : 'applied')));
  });

  test('a wallet that is locked keeps its own tenant waiting, and nobody else, however often they come', async () => {
    await start(`flights_locked_${backend.name}`, backend);
    const first = idsOf(await giveAll(1));
    let held: Promise<unknown> | undefined;
    await whileLocked(
      (schema) => `select from ${schema}.wallets for update`,
      async () => {
        const settling = first.map((id, index) => settle(index, id));
        held = settling[1];
        await inTime(others(settling));
        const second = idsOf(await giveAll(2));
        await inTime(others(second.map((id, index) => settle(index, id))));
        expect(others(await statuses())).toEqual(others(payers).map(() => 'applied applied'));
        expect((await statuses())[1]).toBe('accepted accepted');
      },
    );
    await held;
    // All that waits on a wallet is settled together, whichever of it was asked for.
    expect((await statuses())[1]).toBe('applied applied');
  });

  test('what was settled along with an earlier operation of its wallet is done without looking, and awaited all the same', async () => {
    await start(`flights_along_${backend.name}`, backend);
    const payer = payers[1]!;
    const [first, second] = idsOf(await Promise.all([give(payer, 1), give(payer, 2)]));
    await settle(1, first!);
    expect((await statuses())[1]).toBe('applied applied');
    const news: OutcomeNews[] = [];
    const { outcomes } = system.services;
    await outcomes.subscribe((each) => news.push(each));
    // With Redis it does not wait until it is subscribed, and what is told before is lost.
    await eventually('news are heard', async () => {
      await outcomes.publish([randomUUID()]);
      return news.length > 0;
    });
    await whileLocked(
      (schema) => `select from ${schema}.wallets for update`,
      () => inTime([settler.settle(payer.tenant.slug, [second!], { notify: true })]),
    );
    await eventually('it is told by name', async () =>
      news.some((each) => 'ids' in each && each.ids.includes(second!)),
    );
    // Asked for once more, it is looked up: nobody remembers it any longer.
    expect(await settle(1, second!)).toEqual({ poisoned: [] });
  });

  test('a journal that is locked keeps its own tenant waiting, and nobody else', async () => {
    await start(`flights_journal_${backend.name}`, backend);
    let accepted: Promise<Accepted>[] = [];
    await whileLocked(
      (schema) => `lock table ${schema}.operations in access exclusive mode`,
      async () => {
        accepted = payers.map((payer) => give(payer, 1));
        await inTime(others(accepted));
        await inTime(others(payers).map((payer) => give(payer, 2)));
      },
    );
    expect((await accepted[1]!).replayed).toBe(false);
    expect(await statuses()).toEqual(
      payers.map((_, index) => (index === 1 ? 'accepted' : 'accepted accepted')),
    );
  });

  test('keys that were used before are answered as ever, in the midst of new ones', async () => {
    await start(`flights_keys_${backend.name}`, backend);
    const keys = payers.map(() => randomUUID());
    const once = await Promise.all(payers.map((payer, index) => give(payer, 5, keys[index])));
    const twice = await Promise.allSettled(
      payers.map((payer, index) => {
        if (index % 3 === 0) return give(payer, 5, keys[index]);
        return index % 3 === 1 ? give(payer, 6, keys[index]) : give(payer, 6);
      }),
    );
    for (const [index, answer] of twice.entries()) {
      if (index % 3 === 1) {
        expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'idempotency_key_reused' } });
      } else expect(answer).toMatchObject({ status: 'fulfilled', value: { replayed: index % 3 === 0 } });
      if (index % 3 === 0) expect(answer).toMatchObject({ value: { view: { id: once[index]!.view.id } } });
    }
  });

  test('a used key keeps no other of its insert from the journal, nor is one of them journaled twice', async () => {
    await start(`flights_used_${backend.name}`, backend);
    const payer = payers[0]!;
    const key = randomUUID();
    const [first] = idsOf([await give(payer, 5, key)]);
    const twins = randomUUID();
    // The first time it is found out by failing, the second time the insert looks first.
    for (const round of [1, 2]) {
      const keys = [undefined, key, undefined, `${twins}-${round}`, `${twins}-${round}`, undefined];
      const answers = await Promise.all(keys.map((each) => give(payer, 5, each)));
      expect(answers.map(({ replayed }) => replayed)).toEqual([false, true, false, false, true, false]);
      expect(answers[1]?.view.id).toBe(first);
      expect(answers[4]?.view.id).toBe(answers[3]?.view.id);
      const [journal] = await askAll<{ count: number; xmins: number }>(
        (s) => `select count(*)::int as count, count(distinct xmin::text)::int as xmins from ${s}.operations`,
      );
      expect(journal).toEqual({ count: 1 + 4 * round, xmins: 1 + round });
    }
  });

  test('each tenant gets a job of its own', async () => {
    await start(`flights_jobs_${backend.name}`, backend);
    const ids = idsOf(await giveAll(10));
    await accept.close();
    const queue = system.services.producer.queue('spend', 0);
    const jobs = await eventually('all jobs are there', async () => {
      const waiting = await queue.getWaiting(0, 50);
      return waiting.length >= tenantCount && waiting;
    });
    const expected = payers.map(({ tenant }, index) => ({
      tenant: tenant.slug,
      operationIds: [ids[index]],
      notify: false,
    }));
    expect(jobs).toHaveLength(tenantCount);
    expect(jobs.map(({ data }) => data)).toEqual(expect.arrayContaining(expected));
    for (const { id, data } of jobs) expect(id?.startsWith(`${data.tenant}-`)).toBe(true);
  });
});
