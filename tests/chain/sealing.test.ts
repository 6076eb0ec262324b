// Sealing beside settling takes every entry once, whatever is under way, and never waits for or holds up a settle.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countUnsealed, findHead, listWholeBlocks, tryLockChain } from '#shared/db/chain.ts';
import { withTenant } from '#shared/db/pool.ts';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, registerUser, type TestTenant } from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { EntryMissing, type Sealer, sealBlock, startSealer } from '#workers/sealer.ts';
import { type SettleDeps, settle } from '#workers/settle.ts';
import { findDifferences } from '../../scripts/doctor/books.ts';
import { asIntruder, sealAll } from './ground.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('sealing', {
    backend: backends[0]!,
    workers: false,
    // Many sealers and settles at once, each on a connection.
    settings: { LOG_LEVEL: 'fatal', DATABASE_POOL: '10' },
  });
});
afterAll(() => system?.close());

async function openTenant(users: number): Promise<{ tenant: TestTenant; users: string[] }> {
  const tenant = await createTenant(system.url, uniqueSlug('seal'));
  const registered = Array.from({ length: users }, () => registerUser(system.url, tenant));
  return { tenant, users: (await Promise.all(registered)).map(({ id }) => id) };
}

/** Journals operations and settles nothing. */
async function journal({ secretKey }: TestTenant, path: string, bodies: object[]): Promise<string[]> {
  const sent = bodies.map((body) =>
    call('POST', `${system.url}/wallet/${path}`, { token: secretKey, key: randomUUID(), body }),
  );
  return (await Promise.all(sent)).map((answer) => answer.body.id as string);
}

const settleNow = (tenant: TestTenant, ids: string[], deps: SettleDeps = system.services) =>
  settle(deps, tenant.slug, ids, { limit: 2000 });
const seal = ({ slug }: TestTenant) => sealBlock(system.services, slug);
const inTenant = <T>({ slug }: TestTenant, work: Parameters<typeof withTenant<T>>[2]) =>
  withTenant(system.services.db.app, slug, work);
const differences = ({ slug }: TestTenant) => findDifferences(system.services.db, slug);

/** A settle that has written everything and waits before its commit. */
function holdOpen(tenant: TestTenant, ids: string[]) {
  const written = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const { services } = system;
  const outbox = {
    ...services.outbox,
    emit: async (...given: Parameters<typeof services.outbox.emit>) => {
      await services.outbox.emit(...given);
      written.resolve();
      await gate.promise;
    },
  };
  const settled = settleNow(tenant, ids, { ...services, outbox });
  return {
    written: written.promise,
    commit: async () => {
      gate.resolve();
      await settled;
    },
  };
}

test('what a transaction wrote that was still open while others committed and were sealed is sealed later, once', async () => {
  const { tenant, users } = await openTenant(3);
  const grants = await journal(
    tenant,
    'grant',
    users.map((userId) => ({ userId, amount: 10 })),
  );
  const slow = holdOpen(tenant, [grants[0]!]);
  await slow.written;
  await settleNow(tenant, [grants[1]!]);
  expect(await seal(tenant)).toBe(1);
  await settleNow(tenant, [grants[2]!]);
  expect(await seal(tenant)).toBe(1);
  expect(await seal(tenant)).toBe(0);
  await slow.commit();
  expect(await seal(tenant)).toBe(1);
  expect(await seal(tenant)).toBe(0);
  expect(await inTenant(tenant, (tx) => findHead(tx, tenant.slug))).toMatchObject({ n: 3, total: 3 });
  expect(await differences(tenant)).toEqual([]);
});

test('what was rolled back is never sealed', async () => {
  const { tenant, users } = await openTenant(1);
  const [grant] = await journal(tenant, 'grant', [{ userId: users[0], amount: 10 }]);
  const outbox = { ...system.services.outbox, emit: () => Promise.reject(new Error('no outbox')) };
  await expect(settleNow(tenant, [grant!], { ...system.services, outbox })).rejects.toThrow('no outbox');
  expect(await seal(tenant)).toBe(0);
  await settleNow(tenant, [grant!]);
  expect(await seal(tenant)).toBe(1);
});

test('many settles and many sealers at once: every entry of every wallet is in exactly one block', {
  timeout: 120_000,
}, async () => {
  const { tenant, users } = await openTenant(6);
  const rounds = Array.from({ length: 5 }, () => users.map((userId) => ({ userId, amount: 100 })));
  let done = false;
  const sealers = Array.from({ length: 4 }, async () => {
    while (!done) await seal(tenant);
  });
  const settleRounds = async () => {
    for (const bodies of rounds) {
      const ids = [...(await journal(tenant, 'grant', bodies)), ...(await journal(tenant, 'spend', bodies))];
      await Promise.all(ids.map((id) => settleNow(tenant, [id])));
      expect(await differences(tenant), 'while the sealers go on').toEqual([]);
    }
  };
  await settleRounds().finally(() => {
    done = true;
  });
  await Promise.all(sealers);
  await sealAll(system, tenant.slug);
  const blocks = await inTenant(tenant, (tx) => listWholeBlocks(tx, 0, 1000));
  const covered = blocks.flatMap(({ ranges }) =>
    ranges.flatMap(({ walletId, first, last }) =>
      Array.from({ length: last - first + 1 }, (_each, at) => `${walletId}/${first + at}`),
    ),
  );
  const [{ count }] = (await asIntruder<{ count: string }>(
    system,
    tenant.slug,
    "select count(*) from entries where account = 'wallet'",
  )) as [{ count: string }];
  expect(covered.length).toBe(Number(count));
  expect(new Set(covered).size).toBe(covered.length);
  expect(blocks.length).toBeGreaterThan(3);
  expect(await differences(tenant)).toEqual([]);
});

test('while one process seals a tenant, another passes by, and settling goes on', async () => {
  const { tenant, users } = await openTenant(1);
  const ids = await journal(tenant, 'grant', [{ userId: users[0], amount: 10 }]);
  await inTenant(tenant, async (tx) => {
    expect(await tryLockChain(tx)).toBe(true);
    await settleNow(tenant, ids);
    expect(await seal(tenant)).toBe('busy');
  });
  expect(await seal(tenant)).toBe(1);
});

describe('a running sealer', () => {
  async function settledTenant(): Promise<TestTenant> {
    const { tenant, users } = await openTenant(1);
    await settleNow(tenant, await journal(tenant, 'grant', [{ userId: users[0], amount: 10 }]));
    return tenant;
  }
  async function withSealer(work: (sealer: Sealer) => Promise<void>): Promise<void> {
    const sealer = startSealer(system.services);
    await work(sealer).finally(() => sealer.close());
  }

  test('seals by itself what it is told of, and by its alarm what it was not told of', () =>
    withSealer(async (sealer) => {
      const [told, untold] = [await settledTenant(), await settledTenant()];
      sealer.touch(told.slug);
      await until('it is sealed', async () => (await inTenant(told, countUnsealed)) === 0);
      expect(await inTenant(untold, countUnsealed)).toBe(1);
      await sealer.alarm.handle({ id: 'ring', at: new Date() });
      expect(await inTenant(untold, countUnsealed)).toBe(0);
    }));

  test('comes back to a tenant that another process was sealing', () =>
    withSealer(async (sealer) => {
      const tenant = await settledTenant();
      await inTenant(tenant, async (tx) => {
        expect(await tryLockChain(tx)).toBe(true);
        sealer.touch(tenant.slug);
        await sealer.run();
      });
      expect(await inTenant(tenant, countUnsealed)).toBe(1);
      await until('it is sealed', async () => (await inTenant(tenant, countUnsealed)) === 0);
    }));

  test('passes by a tenant whose entry was taken away before it was sealed', () =>
    withSealer(async (sealer) => {
      const [broken, sound] = [await settledTenant(), await settledTenant()];
      await asIntruder(system, broken.slug, 'delete from entries');
      await expect(seal(broken)).rejects.toThrow(EntryMissing);
      for (const { slug } of [broken, sound]) sealer.touch(slug);
      await sealer.run();
      expect(await inTenant(sound, countUnsealed)).toBe(0);
      expect(await inTenant(broken, countUnsealed)).toBe(1);
      const [first] = await differences(broken);
      expect(first).toMatch(/^wallet .*, version 0, wallet\.version: expected 0, found 1$/);
    }));
});

test('an entry that anybody adds to the table is queued with it', async () => {
  const { tenant, users } = await openTenant(1);
  const ids = await journal(tenant, 'grant', [{ userId: users[0], amount: 10 }]);
  await settleNow(tenant, ids);
  await sealAll(system, tenant.slug);
  const owner = system.services.db.owner;
  await owner.query(
    `insert into "tenant_${tenant.slug}".entries (operation_id, wallet_id, account, amount, balance_after, version, counter)
     select operation_id, wallet_id, account, amount, balance_after + amount, version + 1, counter
     from "tenant_${tenant.slug}".entries where account = 'wallet'`,
  );
  expect(await inTenant(tenant, countUnsealed)).toBe(1);
});
