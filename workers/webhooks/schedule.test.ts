// Three days of trying: soon at first, seldom later, never all at the same moment, and a last time at the end.
import { expect, test } from 'vitest';
import { deliverySeconds } from '#shared/contracts/webhooks.ts';
import { nextAttemptSeconds, stepBackSeconds } from './schedule.ts';

/** When attempts are made, in seconds after the first. */
function attemptsOf(random: () => number): number[] {
  const times = [0];
  for (let now = 0; ; ) {
    const next = nextAttemptSeconds(times.length, deliverySeconds - now, random());
    if (next === undefined) return times;
    now += next;
    times.push(now);
  }
}

test('a delivery is tried for three days to the second, a bounded number of times', () => {
  for (const random of [() => 0, () => 0.999, Math.random, Math.random]) {
    const times = attemptsOf(random);
    expect(times.at(-1)).toBeCloseTo(deliverySeconds, 3);
    expect(times.length).toBeGreaterThanOrEqual(15);
    expect(times.length).toBeLessThanOrEqual(25);
    expect(times[1]).toBeLessThanOrEqual(5);
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(8 * 3600);
  }
});

test('what failed together does not come back together', () => {
  const pauses = new Set(Array.from({ length: 50 }, () => nextAttemptSeconds(3, deliverySeconds)));
  expect(pauses.size).toBeGreaterThan(40);
  expect(Math.min(...[...pauses].map(Number))).toBeGreaterThanOrEqual((80 * 2) / 3);
  expect(Math.max(...[...pauses].map(Number))).toBeLessThanOrEqual(80);
});

test('behind an endpoint that fails, what is new knocks soon and what is old seldom, and never after its time', () => {
  expect(stepBackSeconds(4, 5, 1000, 0)).toBe(5);
  expect(stepBackSeconds(600, 5, 10_000, 0)).toBe(300);
  expect(stepBackSeconds(90_000, 5, 100_000, 0)).toBe(3600);
  expect(stepBackSeconds(90_000, 5, 40, 0.5)).toBe(40);
  expect(stepBackSeconds(90_000, 5, -1, 0.5)).toBe(0);
});
