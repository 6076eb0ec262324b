// Batches of a tenant are journaled one after another, so that one who sends many leaves the others their share.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAccept } from '#api/accept.ts';
import { backends } from '#tests/support/backends.ts';
import { withOwner } from '#tests/support/ledger-view.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { type Counter, openCounter } from './counter.ts';

const [backend] = backends;

describe('batches', () => {
  let system: System;
  let busy: Counter;
  let quiet: Counter;
  beforeAll(async () => {
    system = await startSystem('batch_turns', { backend: backend! });
    [busy, quiet] = [await openCounter(system, 1000), await openCounter(system, 1000)];
  });
  afterAll(() => system?.close());

  const send = ({ post, tenant, user }: Counter, reference: string) =>
    post(
      '/wallet/batch',
      { operations: [{ kind: 'spend', userId: user.id, amount: 1, reference }] },
      { token: tenant.secretKey },
    );

  test('of one tenant wait for each other, in their order, and not for those of another', async () => {
    const references = ['first', 'second', 'third', 'fourth'];
    // On a connection of its own: within a transaction, one look at the activity is all there is.
    const waiting = () =>
      withOwner(system.database.url, async (client) => {
        const { rows } = await client.query<{ count: number }>(
          `select count(*)::int from pg_stat_activity where datname = current_database()
             and wait_event_type = 'Lock' and query like '%insert into%batches%'`,
        );
        return rows[0]?.count;
      });
    await withOwner(system.database.url, async (owner) => {
      await owner.query('begin');
      await owner.query(`lock table "tenant_${busy.tenant.slug}".batches in exclusive mode`);
      const sent = references.map((reference) => send(busy, reference));
      await until('the first is being journaled', async () => (await waiting()) === 1);
      // Each has had as much time to begin as this one, which came later, needed to end.
      expect((await send(quiet, 'only')).status).toBe(202);
      expect(await waiting()).toBe(1);
      await owner.query('commit');
      expect((await Promise.all(sent)).map(({ status }) => status)).toEqual([202, 202, 202, 202]);
      const { rows } = await owner.query<{ reference: string }>(
        `select reference from "tenant_${busy.tenant.slug}".operations where reference is not null order by seq`,
      );
      expect(rows.map(({ reference }) => reference).sort()).toEqual(references.toSorted());
      // What is sent at one moment over several connections has no order but that in which it arrives.
      expect(rows[0]?.reference).toBe('first');
    });
  });

  test('are refused while too many wait, and one that fails keeps no other waiting', async () => {
    const accept = createAccept(system.services);
    const done: string[] = [];
    const end = Promise.withResolvers<void>();
    const long = accept.inTurn('a', 100_000, () => end.promise);
    expect(() => accept.inTurn('b', 1, async () => undefined)).toThrow(
      expect.objectContaining({ code: 'overloaded', status: 503 }),
    );
    end.resolve();
    await long;
    const failing = accept.inTurn('a', 60_000, () => Promise.reject(new Error('it failed')));
    const next = accept.inTurn('a', 60_000, async () => void done.push('next'));
    await expect(failing).rejects.toThrow('it failed');
    await next;
    expect(done).toEqual(['next']);
  });
});
