// One tenant's bad provider must cost the others nothing: its calls are few, and while it fails it is not asked.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Tenant } from '#shared/tenants/directory.ts';
import { protect } from './bulkhead.ts';
import type { PaymentProvider } from './provider.ts';
import { ProviderUnavailable } from './unavailable.ts';

const acme = { slug: 'acme' } as Tenant;
const other = { slug: 'other' } as Tenant;
const range = { from: new Date(0), to: new Date(1) };
const hint = { about: 'checkout', ref: 'a' } as const;

/** Time that moves only when the test says so. */
function manualClock() {
  let now = 0;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    timers,
    now: () => now,
    after(ms: number, callback: () => void) {
      const timer = { at: now + ms, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ms: number) {
      now += ms;
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}

type Pending = PromiseWithResolvers<[]> & { tenant: string };

let clock: ReturnType<typeof manualClock>;
/** Calls that reached the provider, in order; each ends when the test says so. */
let calls: Pending[];
let states: string[];
let turnedAway: string[];
let real: PaymentProvider;
let provider: PaymentProvider;

beforeEach(() => {
  clock = manualClock();
  calls = [];
  states = [];
  turnedAway = [];
  const call = (tenant: Tenant): Promise<[]> => {
    const pending = { ...Promise.withResolvers<[]>(), tenant: tenant.slug };
    calls.push(pending);
    return pending.promise;
  };
  real = {
    name: 'stub',
    isConfigured: ({ slug }) => slug === 'acme',
    createCheckout: async (tenant) => (await call(tenant)) && { status: 'refused', detail: 'no' },
    look: call,
    refund: async (tenant) => (await call(tenant)) && { status: 'returned' },
    readHint: () => hint,
    async *listChanges(tenant) {
      yield* [await call(tenant), await call(tenant)].flatMap(() => [hint, hint]);
    },
  };
  provider = protect(real, {
    clock,
    random: () => 0,
    onState: (...args) => states.push(args.slice(1, 3).join(' ') + (args[3] ? `: ${args[3].message}` : '')),
    onTurnedAway: (_name, tenant, why) => turnedAway.push(`${tenant} ${why}`),
  });
});

const look = (tenant = acme) => {
  const answer = provider.look(tenant, hint);
  // Looked at later, maybe after it failed.
  answer.catch(() => undefined);
  return answer;
};
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const away = (text = 'away') => new ProviderUnavailable('stub', text);

/** A call that reaches the provider and ends with this error. */
async function failing(error: Error = away(), tenant = acme) {
  const answer = look(tenant);
  await settled();
  calls.at(-1)!.reject(error);
  await expect(answer).rejects.toBe(error);
}
async function succeeding(tenant = acme) {
  const answer = look(tenant);
  await settled();
  calls.at(-1)!.resolve([]);
  expect(await answer).toEqual([]);
}
async function failTimes(times: number) {
  for (let time = 0; time < times; time += 1) await failing();
}
async function expectTurnedAway(text: string, tenant = acme) {
  const before = calls.length;
  await expect(look(tenant)).rejects.toSatisfy(
    (error) => error instanceof ProviderUnavailable && error.message.includes(text),
  );
  expect(calls).toHaveLength(before);
}

describe('calls of one tenant', () => {
  test('are at most two at once, and the next begins when one has ended', async () => {
    const answers = [look(), look(), look(), look()];
    await settled();
    expect(calls).toHaveLength(2);
    calls[1]!.resolve([]);
    expect(await answers[1]).toEqual([]);
    await settled();
    expect(calls).toHaveLength(3);
    calls[0]!.resolve([]);
    calls[2]!.resolve([]);
    await settled();
    calls[3]!.resolve([]);
    expect(await Promise.all(answers)).toEqual([[], [], [], []]);
    expect(clock.timers.size).toBe(0);
    expect(turnedAway).toEqual([]);
  });

  test('wait for a second and are then told that it is busy', async () => {
    const hung = [look(), look()];
    const waiting = look();
    await settled();
    clock.advance(999);
    await settled();
    expect(turnedAway).toEqual([]);
    clock.advance(1);
    await expect(waiting).rejects.toThrow('busy');
    await expect(waiting).rejects.toThrow(ProviderUnavailable);
    expect(turnedAway).toEqual(['acme busy']);
    // Nobody waits any more, so the slots that get free are free.
    for (const pending of calls) pending.resolve([]);
    await Promise.all(hung);
    await succeeding();
    expect(states).toEqual([]);
  });

  test('wait in a line of bounded length', async () => {
    const answers = Array.from({ length: 22 }, () => look());
    await settled();
    await expectTurnedAway('busy');
    clock.advance(1000);
    expect((await Promise.allSettled(answers.slice(2))).every(({ status }) => status === 'rejected')).toBe(
      true,
    );
    expect(turnedAway).toHaveLength(21);
  });

  test('that hang hold up no other tenant', async () => {
    for (let call = 0; call < 10; call += 1) look();
    await settled();
    expect(calls.map(({ tenant }) => tenant)).toEqual(['acme', 'acme']);
    await succeeding(other);
    expect(calls).toHaveLength(3);
  });

  test('of every kind go by the same rule', async () => {
    const money = { paymentRef: 'p', amount: 1, currency: 'eur' };
    const first = provider.refund(acme, { ...money, refundId: 'r', askedAt: new Date() });
    const list = Array.fromAsync(provider.listChanges(acme, range));
    await settled();
    expect(calls).toHaveLength(2);
    const third = provider.createCheckout(acme, {} as never);
    await settled();
    expect(calls).toHaveLength(2);
    calls[0]!.resolve([]);
    expect(await first).toEqual({ status: 'returned' });
    await settled();
    expect(calls).toHaveLength(3);
    calls[2]!.resolve([]);
    expect(await third).toEqual({ status: 'refused', detail: 'no' });
    calls[1]!.resolve([]);
    await settled();
    calls[3]!.resolve([]);
    expect(await list).toEqual([hint, hint, hint, hint]);
  });
});

describe('a provider that fails', () => {
  test('is not asked for a while by this tenant, who is told why, and by all others as before', async () => {
    await failTimes(2);
    await failing(away('connection refused'));
    await expectTurnedAway('connection refused');
    await succeeding(other);
    clock.advance(5000);
    await succeeding();
    expect(states).toEqual([
      'acme open: stub: connection refused',
      'acme half-open: stub: connection refused',
      'acme closed',
    ]);
    expect(turnedAway).toEqual(['acme resting']);
  });

  test('is asked by one call after its rest, and the others are told at once', async () => {
    await failTimes(3);
    clock.advance(5000);
    const probe = look();
    await expect(look()).rejects.toThrow('not asked for a while');
    await expectTurnedAway('away');
    expect(calls).toHaveLength(4);
    calls[3]!.resolve([]);
    await probe;
    await succeeding();
  });

  test('while calls wait does not let them hang one after the other', async () => {
    await failTimes(2);
    const answers = [look(), look(), look()];
    await settled();
    expect(calls).toHaveLength(4);
    calls[2]!.reject(away());
    await expect(answers[2]).rejects.toThrow('not asked for a while');
    expect(calls).toHaveLength(4);
  });

  test('is not one that turns calls away or refuses, which are answers', async () => {
    for (let count = 0; count < 8; count += 1) look();
    await settled();
    clock.advance(1000);
    await settled();
    expect(turnedAway).toHaveLength(6);
    for (const pending of calls) pending.resolve([]);
    await settled();
    await failTimes(2);
    const refusal = provider.createCheckout(acme, {} as never);
    await settled();
    calls.at(-1)!.resolve([]);
    expect(await refusal).toMatchObject({ status: 'refused' });
    await failTimes(2);
    expect(states).toEqual([]);
  });
});

describe('what is remembered', () => {
  test('is bounded: a tenant whose open circuit is forgotten counts as closed', async () => {
    await failTimes(3);
    for (let count = 0; count < 10_000; count += 1) {
      const tenant = { slug: `t${count}` } as Tenant;
      await failing(away(), tenant);
    }
    expect(states).toEqual(['acme open: stub: away', 'acme closed']);
  });
});
