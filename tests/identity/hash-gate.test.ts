// Hashing never takes the machine, and one tenant's flood never takes all of hashing.
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createHashGate } from '#api/identity/hash-gate.ts';
import { createPasswords } from '#api/identity/passwords.ts';
import { loadConfig } from '#shared/config/env.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { createLog } from '#shared/runtime/log.ts';
import { createMetrics } from '#shared/runtime/metrics.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { type Answer, call, createTenant } from '#tests/support/client.ts';
import { startSystem } from '#tests/support/system.ts';

const slots = Math.max(1, availableParallelism() - 1);

function newPasswords() {
  const services = {
    config: loadConfig({ BCRYPT_COST: '4' }),
    keyring: createKeyring(['a-secret-key-for-the-tests-of-identity']),
    metrics: createMetrics(),
    log: createLog('silent', 'test'),
  };
  return { ...services, passwords: createPasswords(services) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('hashing', () => {
  test('15 runs at most one less than there are cores, and tells how many wait', async () => {
    const { passwords, metrics } = newPasswords();
    let running = 0;
    let most = 0;
    const told = vi.spyOn(metrics.hashQueue, 'set');
    const counted =
      <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
      async (...args: A) => {
        running += 1;
        most = Math.max(most, running);
        const result = await work(...args);
        running -= 1;
        return result;
      };
    const { hash, compare } = bcrypt;
    vi.spyOn(bcrypt, 'hash').mockImplementation(
      counted((data: string | Buffer, rounds: string | number) => hash(data, rounds)),
    );
    vi.spyOn(bcrypt, 'compare').mockImplementation(
      counted((data: string | Buffer, stored: string) => compare(data, stored)),
    );
    await Promise.all([
      ...Array.from({ length: 10 }, (_, index) => passwords.hash('acme', `password ${index}`)),
      ...Array.from({ length: 10 }, (_, index) => passwords.verify('other', `password ${index}`, undefined)),
    ]);
    expect(most).toBe(Math.min(slots, 20));
    expect(Math.max(...told.mock.calls.map(([count]) => Number(count)))).toBe(20 - Math.min(slots, 20));
    expect((await metrics.hashQueue.get()).values[0]?.value).toBe(0);
  });

  test('15 is refused with 503 and Retry-After once the queue is full, and goes on afterwards', async () => {
    const { passwords } = newPasswords();
    const results = await Promise.allSettled(
      Array.from({ length: slots + 64 + 5 }, () => passwords.verify('acme', 'x', undefined)),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(5);
    for (const { reason } of refused) {
      expect(reason).toBeInstanceOf(Problem);
      expect(reason).toMatchObject({ code: 'overloaded', status: 503, retryAfterSeconds: 2 });
    }
    expect(await passwords.verify('acme', 'x', undefined)).toEqual({ ok: false, rehash: false });
  });
});

describe('the gate', () => {
  /** A gate with one slot, which is taken until `open`; `done` names what ran, in order. */
  function closedGate(waitingMax: number) {
    const counts: number[] = [];
    const gate = createHashGate({ parallelMax: 1, waitingMax, onWaiting: (count) => counts.push(count) });
    const done: string[] = [];
    const { promise, resolve: open } = Promise.withResolvers<void>();
    void gate.run('first', () => promise);
    const enter = (tenant: string, name: string) =>
      gate.run(tenant, async () => void done.push(name)).catch((error: Problem) => error.code);
    return { done, counts, enter, open };
  }

  test('gives the slot back when work fails, and keeps the order within a tenant', async () => {
    const gate = createHashGate({ parallelMax: 1, waitingMax: 10, onWaiting: () => undefined });
    const order: number[] = [];
    const fail = gate.run('acme', () => Promise.reject(new Error('broken')));
    const rest = [1, 2, 3].map((n) => gate.run('acme', async () => order.push(n)));
    await expect(fail).rejects.toThrow('broken');
    await Promise.all(rest);
    expect(order).toEqual([1, 2, 3]);
  });

  test('15 serves the tenants that wait in turns, so a flood of one delays itself', async () => {
    const { done, enter, open } = closedGate(100);
    const all = [1, 2, 3, 4].map((n) => enter('flood', `flood ${n}`));
    all.push(enter('quiet', 'quiet 1'), enter('calm', 'calm 1'), enter('quiet', 'quiet 2'));
    open();
    await Promise.all(all);
    expect(done).toEqual(['flood 1', 'quiet 1', 'calm 1', 'flood 2', 'quiet 2', 'flood 3', 'flood 4']);
  });

  test('15 when full sends away the newest of the tenant that has most waiting', async () => {
    const { done, enter, open, counts } = closedGate(4);
    const flood = [1, 2, 3, 4].map((n) => enter('flood', `flood ${n}`));
    const more = enter('flood', 'flood 5');
    expect(await more).toBe('overloaded');
    const quiet = [1, 2].map((n) => enter('quiet', `quiet ${n}`));
    expect(await Promise.all([flood[3], flood[2]])).toEqual(['overloaded', 'overloaded']);
    // They have as many as the flood now: whoever comes next of either is one too many.
    expect(await enter('quiet', 'quiet 3')).toBe('overloaded');
    expect(await enter('flood', 'flood 6')).toBe('overloaded');
    open();
    await Promise.all([...flood, ...quiet]);
    expect(done).toEqual(['flood 1', 'quiet 1', 'flood 2', 'quiet 2']);
    expect(Math.max(...counts)).toBe(4);
    expect(counts.at(-1)).toBe(0);
  });

  test('15 when full lets two tenants with the same share keep it', async () => {
    const { done, enter, open } = closedGate(5);
    const flood = [1, 2, 3, 4, 5].map((n) => enter('flood', `flood ${n}`));
    const quiet = [1, 2].map((n) => enter('quiet', `quiet ${n}`));
    // With a third they would be where the flood is: letting it in would only turn the tables.
    expect(await enter('quiet', 'quiet 3')).toBe('overloaded');
    open();
    await Promise.all([...flood, ...quiet]);
    expect(done).toEqual(['flood 1', 'quiet 1', 'flood 2', 'quiet 2', 'flood 3']);
  });

  test('15 a tenant is let in during the flood of another, in the second turn at the latest', async () => {
    const { done, enter, open } = closedGate(64);
    const flood = Array.from({ length: 200 }, (_, n) => enter('flood', `flood ${n}`));
    const quiet = enter('quiet', 'quiet');
    open();
    await quiet;
    expect(done.indexOf('quiet')).toBe(1);
    expect((await Promise.all(flood)).filter((code) => code === 'overloaded')).toHaveLength(137);
  });
});

test('15 fifty logins in flight leave /health fast, and excess ones get 503 with Retry-After', {
  timeout: 90_000,
}, async () => {
  const system = await startSystem('hash_gate', {
    backend: backends[0] as TestBackend,
    workers: false,
    settings: { BCRYPT_COST: '10' },
  });
  try {
    const { url } = system;
    const generous = { count: 10_000, seconds: 60 };
    const limits = { loginPerAddress: generous, loginPerAccountAndAddress: generous };
    await createTenant(url, 'acme', { limits });
    const health = async () => {
      const started = performance.now();
      expect((await call('GET', `${url}/health`)).status).toBe(200);
      return performance.now() - started;
    };
    await health();
    let flying = true;
    const times: number[] = [];
    const watch = (async () => {
      while (flying) {
        times.push(await health());
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const login = (n: number) =>
      call('POST', `${url}/login`, {
        tenant: 'acme',
        body: { email: `nobody${n}@example.com`, password: 'not the password' },
      });
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => login(n)));
    const seconds = (performance.now() - started) / 1000;
    flying = false;
    await watch;
    times.sort((a, b) => a - b);
    const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
    console.log(
      `${answers.length} logins in flight took ${seconds.toFixed(1)} s; /health meanwhile, ${times.length} ` +
        `times: median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${(times.at(-1) ?? 0).toFixed(1)} ms`,
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));

    // Nothing is hashed until ten more than there is room for have been sent away.
    const { promise: hashing, resolve: goOn } = Promise.withResolvers<boolean>();
    vi.spyOn(bcrypt, 'compare').mockImplementation(() => hashing);
    const refused: Answer[] = [];
    const crowd = Array.from({ length: slots + 64 + 10 }, async (_, n) => {
      const answer = await login(n);
      if (answer.status === 503) refused.push(answer);
      return answer.status;
    });
    await expect.poll(() => refused.length, { timeout: 30_000 }).toBe(10);
    goOn(false);
    expect((await Promise.all(crowd)).filter((status) => status === 401)).toHaveLength(slots + 64);
    for (const { headers, body } of refused) {
      expect([headers.get('retry-after'), body.code]).toEqual(['2', 'overloaded']);
    }
  } finally {
    await system.close();
  }
});
