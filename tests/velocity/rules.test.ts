// Rules on spends, refunds and grants, as callers meet them; on both queue backends.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '#shared/runtime/log.ts';
import { backends } from '#tests/support/backends.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { createSettler } from '#workers/coalescer.ts';
import { openWatched, tally, times } from './watched.ts';

const hour = { seconds: 3600 };

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`velocity_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  test('of forty spends at once exactly as many are applied as the rule counts, and each other is told why', async () => {
    const watched = await openWatched(system, { rules: [{ kind: 'spend', ...hour, count: 7 }] }, 100);
    const answers = await times(40, () => watched.spend(1));
    expect(tally(answers)).toEqual({ 201: 7, '409 velocity_exceeded': 33 });
    expect(await watched.balance()).toBe(93);
    const refused = answers.find(({ status }) => status === 409);
    const { body } = await watched.get(refused?.headers.get('location') ?? '');
    expect(body).toMatchObject({ status: 'rejected', reason: 'velocity_exceeded', balanceAfter: 93 });
    await watched.expectWhole();
  });

  test('coins are counted as well as operations, what is refused counts nothing, and each kind by itself', async () => {
    const rules = [
      { kind: 'spend', ...hour, amount: 50 },
      { kind: 'refund', ...hour, count: 1 },
    ];
    const watched = await openWatched(system, { rules }, 100);
    const first = await watched.spend(30);
    expect(first.status).toBe(201);
    expect(tally([await watched.spend(21), await watched.spend(70)])).toEqual({ '409 velocity_exceeded': 2 });
    expect((await watched.spend(20)).status).toBe(201);
    expect(tally([await watched.spend(1)])).toEqual({ '409 velocity_exceeded': 1 });
    // What else would be refused is told first.
    expect(tally([await watched.spend(51)])).toEqual({ '402 insufficient_funds': 1 });
    const refund = () => watched.post('/wallet/refund', { operationId: first.body.id, amount: 5 });
    expect(tally([await refund(), await refund()])).toEqual({ 201: 1, '409 velocity_exceeded': 1 });
    expect(await watched.balance()).toBe(55);
    await watched.expectWhole();
  });

  test('a new account moves little until it is old enough', async () => {
    const newAccount = { ...hour, kinds: ['spend'], above: 5 };
    const watched = await openWatched(system, { newAccount }, 100);
    const tries = [await watched.spend(5), await watched.spend(6)];
    expect(tally(tries)).toEqual({ 201: 1, '409 account_too_new': 1 });
    await watched.sql(`update wallets set created_at = created_at - interval '1 hour'`);
    expect((await watched.spend(6)).status).toBe(201);
  });

  test('no grant lifts a wallet above its cap, and what was spent comes back all the same', async () => {
    const watched = await openWatched(system, { balanceMax: 100 }, 90);
    expect(tally([await watched.give(11), await watched.give(10), await watched.give(1)])).toEqual({
      201: 1,
      '409 balance_limit': 2,
    });
    const spent = await watched.spend(60);
    expect((await watched.give(60)).status).toBe(201);
    const refund = await watched.post('/wallet/refund', { operationId: spent.body.id });
    expect([refund.status, refund.body.balanceAfter]).toEqual([201, 160]);
    await watched.expectWhole();
  });
});

describe('without workers of its own', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem('velocity_settlers', { backend: backends[0]!, workers: false });
  });
  afterAll(() => system?.close());

  test('what waited through an outage is judged by when it was asked for, and is no burst', async () => {
    const rules = [{ kind: 'spend', seconds: 60, count: 1, action: 'review' }];
    const watched = await openWatched(system, { rules });
    await watched.sql(`update wallets set balance = 100, version = 1,
      lots = '[["0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77", 100]]'`);
    const sent: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      sent.push((await watched.post('/wallet/spend', { amount: 1 }, { wait: 0 })).body.id);
    }
    // Asked for 62 seconds apart, but for the last, which came right after the third.
    const ages = [200, 138, 76, 75];
    for (const [index, id] of sent.entries()) {
      await watched.sql(
        `update operations set created_at = now() - make_interval(secs => $2) where id = $1`,
        [id, ages[index]],
      );
    }
    const decideBoth = async (id = '') => [
      await watched.decide(id, 'refuse'),
      await watched.decide(id, 'release'),
    ];
    expect(tally(await decideBoth(sent[0])), 'it waits for the workers').toEqual({ '409 review_state': 2 });
    const lines: string[] = [];
    const log = createLog('warn', 'velocity', { write: (line) => void lines.push(line) });
    const settler = createSettler({ ...system.services, log });
    await settler.settle(watched.tenant.slug, [...sent], { notify: false });
    const found = await watched.sql(`select status, reason, due from operations order by seq`);
    expect(found.map(({ status, reason }) => reason ?? status)).toEqual([
      'applied',
      'applied',
      'applied',
      'held_for_review',
    ]);
    expect(found.at(-1)).toMatchObject({ status: 'accepted', due: false });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        alert: 'operation_held',
        tenant: watched.tenant.slug,
        operations: 1,
        operationIds: [sent[3]],
        heldFor: '2 operations by spend within 1 minute, 1 allowed',
      },
    ]);
    const metric = await system.services.metrics.registry.getSingleMetricAsString(
      'coinlane_operations_held_total',
    );
    expect(metric).toContain('coinlane_operations_held_total{kind="spend"} 1');
    expect((await watched.decide(sent[3] ?? '', 'release')).status).toBe(200);
    expect(tally(await decideBoth(sent[3])), 'it waits for the workers again').toEqual({
      '409 review_state': 2,
    });
  });

  test('several processes that settle one wallet count as one', async () => {
    const rules = [{ kind: 'spend', ...hour, count: 9 }];
    const watched = await openWatched(system, { rules });
    const settlers = Array.from({ length: 4 }, () => createSettler(system.services));
    await watched.sql(`update wallets set balance = 100, version = 1,
      lots = '[["0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77", 100]]'`);
    for (let round = 0; round < 3; round += 1) {
      const sent = await times(8, () => watched.post('/wallet/spend', { amount: 1 }, { wait: 0 }));
      await Promise.all(
        sent.map(({ body }, index) =>
          settlers[index % 4]!.settle(watched.tenant.slug, [body.id], { notify: false }),
        ),
      );
    }
    const found = await watched.sql(`select status, count(*) as n from operations group by 1 order by 1`);
    expect(found).toEqual([
      { status: 'applied', n: 9 },
      { status: 'rejected', n: 15 },
    ]);
  });

  test('a tenant without rules is asked nothing more: not one column of rules is read or written', async () => {
    const watched = await openWatched(system, {});
    const statements: string[] = [];
    const { app } = system.services.db;
    const spied = new Proxy(app, {
      get(pool, name) {
        if (name !== 'connect') return Reflect.get(pool, name);
        return async () => {
          const client = await pool.connect();
          return new Proxy(client, {
            get(target, key) {
              const value = Reflect.get(target, key);
              if (typeof value !== 'function') return value;
              return (...args: unknown[]) => {
                if (key === 'query') statements.push(JSON.stringify(args[0]));
                return value.apply(target, args);
              };
            },
          });
        };
      },
    });
    const settler = createSettler({ ...system.services, db: { ...system.services.db, app: spied } });
    const settleOne = async () => {
      const { body } = await watched.post('/wallet/spend', { amount: 1 }, { wait: 0 });
      statements.length = 0;
      await settler.settle(watched.tenant.slug, [body.id], { notify: false });
      return statements.length;
    };
    const without = await settleOne();
    expect(without).toBeGreaterThan(3);
    expect(statements.join('\n')).not.toMatch(/velocity|held_|released_at/);
    await watched.setRules({ rules: [{ kind: 'spend', ...hour, count: 9 }] });
    await expect.poll(settleOne).toBe(without + 2);
    expect(statements.join('\n')).toMatch(/velocity/);
  });
});
