// A model of a hundred lines and the real system live through the same histories, with workers that are killed.
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { createAccept } from '#api/accept.ts';
import { checkIntegrity } from '#shared/db/integrity.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { createTenant } from '#tests/support/client.ts';
import { type RunningProcess, startWorker, stopAll } from '#tests/support/processes.ts';
import { type System, startSystem, testSettings, uniqueSlug } from '#tests/support/system.ts';
import { compare } from './compare.ts';
import { history } from './history.ts';
import { play, type Stage } from './run-history.ts';
import { openWaker } from './waker.ts';
import { openWatch } from './watch.ts';

/** A longer run: TEST_HISTORIES=20000 npm test -- tests/model/histories. */
const histories = Number(process.env.TEST_HISTORIES ?? 500);
/**
 * What a killed worker had taken waits for the sweep, up to five seconds. Each time twice as long as before: a machine
 * that is busy with other tests would kill more, and be busy with new workers, the longer it takes.
 */
const firstKillMs = 5000;
const atOnce = Math.min(100, histories);
const seed = Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31);

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

describe.each(backends)('on $name', (backend) => {
  const timeout = 60_000 + histories * 2000;
  test(`${histories} histories of 50 operations end as the model says`, { timeout }, async () => {
    const system = await startSystem(`model_${backend.name}`, { backend, workers: false });
    cleanUps.push(() => system.close());
    const crashes = await startCrashing(system, backend);
    const { slug } = await createTenant(system.url, uniqueSlug('model'));
    const tenant = await system.services.tenants.find(slug);
    if (!tenant) throw new Error('the tenant is there');
    const { services } = system;
    const accepts = [createAccept(services), createAccept(services)];
    const stage: Stage = {
      ...{ services, tenant, accepts },
      ...{ watch: openWatch(services, slug), waker: openWaker(services, slug) },
    };
    const many = fc.array(history, { minLength: atOnce, maxLength: atOnce, size: 'max' });
    await fc.assert(
      fc.asyncProperty(many, async (group) => {
        await Promise.all(group.map(async (each) => compare(services, slug, await play(stage, each))));
      }),
      {
        numRuns: Math.ceil(histories / atOnce),
        seed,
        // Each smaller history would have to be lived through; the message tells the wallet's whole story.
        endOnFailure: true,
      },
    );
    expect(crashes.count(), 'workers were killed meanwhile').toBeGreaterThan(0);
    expect(await checkIntegrity(services.db, slug)).toMatchObject({ ok: true, differences: [] });
  });
});

/** Two workers, one of which is killed now and then and replaced. */
async function startCrashing({ database }: System, backend: TestBackend): Promise<{ count(): number }> {
  const settings = testSettings(database.url, 0, backend);
  const workers: RunningProcess[] = [];
  let count = 0;
  const end = new AbortController();
  let killing: Promise<unknown> = Promise.resolve();
  cleanUps.push(async () => {
    end.abort();
    await killing;
    await stopAll(workers);
  });
  for (let at = 0; at < 2; at += 1) workers[at] = await startWorker(settings);
  const killAndReplace = async () => {
    for (let at = 0, waitMs = firstKillMs; ; at = 1 - at, waitMs *= 2) {
      await sleep(waitMs, undefined, { signal: end.signal });
      await workers[at]?.kill();
      count += 1;
      workers[at] = await startWorker(settings);
    }
  };
  killing = killAndReplace().catch((error: unknown) => error);
  return { count: () => count };
}
