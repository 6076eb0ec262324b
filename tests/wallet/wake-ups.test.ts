// Jobs of a tenant under load: inserts that follow each other at once share one, and nobody waits long for another's.
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Accept, createAccept } from '#api/accept.ts';
import type { OperationsJob } from '#shared/contracts/jobs.ts';
import { newId } from '#shared/runtime/ids.ts';
import { backends, emptyBackend } from '#tests/support/backends.ts';
import { withOwner } from '#tests/support/ledger-view.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { type Counter, openCounter, openSpender } from './counter.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let counter: Counter;
  /** Holds for as long as it may at all, however slow the machine. */
  let patient: Accept;
  beforeAll(async () => {
    await emptyBackend(backend);
    // Nobody takes the jobs: they are looked at.
    system = await startSystem(`wake_ups_${backend.name}`, { backend, workers: false });
    counter = await openCounter(system);
    patient = createAccept(system.services, undefined, 600_000);
  });
  afterAll(() => system?.close());

  const openSender = async (accept = patient) => {
    const spend = await openSpender(system, counter);
    return (key?: string, wait?: boolean) => spend(accept, key, wait);
  };
  const jobs = async () => {
    const waiting = await system.services.producer.queue('spend', 0).getJobs(['waiting', 'prioritized']);
    return waiting.map((job) => (job.data as OperationsJob).operationIds);
  };
  /** The jobs that carry these, once all of them are there. */
  const jobsOf = (ids: string[], waitMsMax?: number) =>
    until(
      'they are enqueued',
      async () => {
        const theirs = (await jobs()).filter((carried) => carried.some((id) => ids.includes(id)));
        return new Set(theirs.flat()).size === ids.length ? theirs : undefined;
      },
      waitMsMax,
    );
  /** One whose insert is under way, which takes a turn of the event loop, and those that wait for its end. */
  const sendBehind = async (firstWaits: boolean) => {
    const send = await openSender();
    const first = send(randomUUID(), firstWaits);
    await turn();
    const rest = Array.from({ length: 30 }, () => send());
    await Promise.all([first, ...rest].map(({ accepted }) => accepted));
    return { first: first.id, rest: rest.map(({ id }) => id) };
  };

  test('two inserts, the second of which waited for the first, are one job', async () => {
    const { first, rest } = await sendBehind(false);
    const found = await jobsOf([first, ...rest]);
    expect(found).toHaveLength(1);
    expect(found[0]).toHaveLength(31);
  });

  test('what somebody waits for is enqueued without those behind it', async () => {
    const { first, rest } = await sendBehind(true);
    const found = await jobsOf([first, ...rest]);
    expect(found.map((carried) => carried.length).sort((a, b) => a - b)).toEqual([1, 30]);
    expect(found.some((carried) => carried.length === 1 && carried[0] === first)).toBe(true);
  });

  test('what nobody waits for is held, though it was inserted with what somebody waits for', async () => {
    const send = await openSender();
    const inserted: Promise<unknown>[] = [];
    const add = ({ id, accepted }: ReturnType<typeof send>) => {
      inserted.push(accepted);
      return id;
    };
    const first = add(send());
    await turn();
    const [second, awaited] = [add(send()), add(send(randomUUID(), true))];
    await inserted[0];
    // The second insert is under way once all that follows from the first was done; no answer is read in between.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    const third = add(send());
    await Promise.all(inserted);
    const found = await jobsOf([first, second, awaited, third]);
    const sorted = found.map((carried) => carried.toSorted()).sort((a, b) => a.length - b.length);
    expect(sorted).toEqual([[awaited], [first, second, third].sort()]);
  });

  test.each(['in time', 'at the end'])(
    'what is held back for an insert that is stuck is enqueued %s',
    async (when) => {
      const accept = when === 'at the end' ? patient : createAccept(system.services);
      const send = await openSender(accept);
      const key = randomUUID();
      await send().accepted;
      await withOwner(system.database.url, async (owner) => {
        // Another process is about to use the same key, and takes its time.
        await owner.query('begin');
        await owner.query(
          `insert into "tenant_${counter.tenant.slug}".operations select (jsonb_populate_record(o, $1)).*
           from "tenant_${counter.tenant.slug}".operations o limit 1`,
          [{ id: newId(), seq: -1, idempotency_key: key }],
        );
        const first = send();
        await turn();
        const stuck = send(key);
        await first.accepted;
        // Who is answered is so before the workers are woken.
        await turn();
        if (when === 'at the end') await accept.close();
        // Soon the stuck one would be given up, which lets go what is held, too.
        expect(await jobsOf([first.id], 3000)).toEqual([[first.id]]);
        await owner.query('rollback');
        await stuck.accepted;
        expect(await jobsOf([stuck.id])).toEqual([[stuck.id]]);
      });
    },
  );
});
