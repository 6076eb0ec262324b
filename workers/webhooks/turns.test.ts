// One endpoint's trouble takes a bounded share of a process, and ends as soon as it answers again.
import { beforeEach, expect, test } from 'vitest';
import { createTurns, type Turns } from './turns.ts';

let now = 0;
let turns: Turns;
beforeEach(() => {
  now = 1_000_000;
  turns = createTurns(() => now);
});

function beginAll(endpoint: string, tries = 50): number {
  return Array.from({ length: tries }, () => turns.begin(endpoint)).filter((each) => each === undefined)
    .length;
}
function fail(endpoint: string, times: number, ms = 15_000): void {
  for (let i = 0; i < times; i += 1) turns.end(endpoint, { ok: false, ms });
}

test('an endpoint that answers soon has ten deliveries under way, each end makes room for another', () => {
  expect(beginAll('a')).toBe(10);
  expect(turns.begin('a')).toMatchObject({ reason: 'busy' });
  turns.end('a', { ok: true, ms: 20 });
  expect(turns.begin('a')).toBeUndefined();
  expect(beginAll('b')).toBe(10);
});

test('one that is slow has two', () => {
  for (let i = 0; i < 10; i += 1) {
    turns.begin('slow');
    turns.end('slow', { ok: true, ms: 5000 });
  }
  expect(beginAll('slow')).toBe(2);
});

test('one that fails pauses longer each time, lets one try after each pause, and is whole again with one success', () => {
  beginAll('dead');
  fail('dead', 10, 50);
  const pauses: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    const turn = turns.begin('dead');
    expect(turn).toMatchObject({ reason: 'paused' });
    pauses.push(turn?.ms ?? 0);
    now += turn?.ms ?? 0;
    expect(beginAll('dead')).toBe(1);
    fail('dead', 1, 50);
  }
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  expect(Math.max(...pauses)).toBe(300_000);
  now += 300_000;
  expect(beginAll('dead')).toBe(1);
  turns.end('dead', { ok: true, ms: 50 });
  expect(beginAll('dead')).toBe(10);
  expect(beginAll('other')).toBe(10);
});

test('somebody who asks whether it answers again does not wait for the pause', () => {
  beginAll('dead');
  fail('dead', 10, 50);
  expect(turns.begin('dead')).toMatchObject({ reason: 'paused' });
  expect(turns.begin('dead', true)).toBeUndefined();
  turns.end('dead', { ok: true, ms: 50 });
  expect(beginAll('dead')).toBe(10);
});

test('two failures are nothing yet', () => {
  beginAll('a', 2);
  fail('a', 2, 50);
  expect(turns.begin('a')).toBeUndefined();
});
