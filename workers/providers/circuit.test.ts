// When a provider that fails is left alone, for how long, and what ends that.
import { beforeEach, describe, expect, test } from 'vitest';
import { type Circuit, createCircuit } from './circuit.ts';
import { ProviderNotNow, ProviderUnavailable } from './unavailable.ts';

let now: number;
let random: number;
let states: string[];
let circuit: Circuit;

beforeEach(() => {
  now = 0;
  random = 0;
  states = [];
  circuit = createCircuit({
    now: () => now,
    random: () => random,
    onState: (state, cause) => states.push(cause ? `${state} after ${cause.message}` : state),
  });
});

const away = new ProviderUnavailable('stub', 'away');

const works = async (proves = true) => {
  expect(circuit.isResting()).toBe(false);
  await circuit.run(async () => undefined, proves);
};
const fails = async (times = 1, error: Error = away) => {
  for (let time = 0; time < times; time += 1) {
    expect(circuit.isResting()).toBe(false);
    await expect(circuit.run(() => Promise.reject(error), true)).rejects.toBe(error);
  }
};
/** That it rests for exactly so long. */
const expectRest = (ms: number) => {
  now += ms - 1;
  expect(circuit.isResting()).toBe(true);
  now += 1;
  expect(circuit.isResting()).toBe(false);
};

describe('a provider', () => {
  test('rests after three failures in a row, and works again after one answer', async () => {
    await fails(3);
    expect(circuit.cause).toBe(away);
    expectRest(5000);
    await works();
    expect(circuit.cause).toBeUndefined();
    expect(circuit.isSpotless()).toBe(true);
    expect(states).toEqual(['open after stub: away', 'half-open after stub: away', 'closed']);
  });

  test('that answers in between is asked on', async () => {
    await fails(2);
    expect(circuit.isSpotless()).toBe(false);
    await works();
    await fails(2);
    expect(states).toEqual([]);
  });

  test('that says "not now" has answered, and is asked on', async () => {
    await fails(2);
    await fails(1, new ProviderNotNow('stub', 'the balance is empty'));
    await fails(2);
    expect(states).toEqual([]);
  });

  test('rests twice as long after each vain try, up to a minute, and briefly again once it worked', async () => {
    await fails(3);
    for (const seconds of [5, 10, 20, 40, 60, 60]) {
      expectRest(seconds * 1000);
      await fails();
    }
    expectRest(60_000);
    await works();
    await fails(3);
    expectRest(5000);
  });

  test('rests up to a fifth shorter by chance, so that not all tenants come back at once', async () => {
    random = 1;
    await fails(3);
    expectRest(4000);
    random = 0.5;
    await fails();
    expectRest(9000);
  });

  test('is asked by one call only after its rest', async () => {
    await fails(3);
    now += 5000;
    const probe = Promise.withResolvers<void>();
    const answer = circuit.run(() => probe.promise, true);
    expect(circuit.isResting()).toBe(true);
    probe.resolve();
    await answer;
    expect(circuit.isResting()).toBe(false);
  });
});

describe('what tells nothing', () => {
  test('is a bug: it neither makes a rest nor ends one, and the next call decides', async () => {
    const bug = new TypeError('bug');
    await fails(5, bug);
    await fails(2);
    await fails(1, bug);
    expect(states).toEqual([]);
    await fails();
    now += 5000;
    await fails(1, bug);
    expect(circuit.state).toBe('half-open');
    await works();
    expect(circuit.state).toBe('closed');
  });

  test('is work that proves nothing', async () => {
    await fails(2);
    await works(false);
    await fails();
    expect(circuit.state).toBe('open');
    now += 5000;
    await works(false);
    expect(circuit.state).toBe('half-open');
    await fails();
    expectRest(10_000);
  });

  test('is the end of a call that began before the last change, for better or worse', async () => {
    const [good, bad] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const answers = [good, bad].map(({ promise }) => circuit.run(() => promise, true));
    await fails(3);
    good.resolve();
    await answers[0];
    expect(circuit.state).toBe('open');
    bad.reject(away);
    await expect(answers[1]).rejects.toBe(away);
    expectRest(5000);
    await works();
    expect(circuit.isSpotless()).toBe(true);
  });
});
