// Month ends, leap years and odd durations: what recurs must come round when people expect it.
import { expect, test } from 'vitest';
import { occurrenceAfter, occurrenceAt, parseInterval } from './recurrence.ts';

const at = (text: string) => Date.parse(`${text}Z`);
const days = (first: string, every: string, count: number) => {
  const interval = parseInterval(every);
  if (!interval) throw new Error(`${every} is no interval`);
  return Array.from({ length: count }, (_, n) =>
    new Date(occurrenceAt(at(first), interval, n)).toISOString().slice(0, 16),
  );
};

test('a month end stays a month end, and no day is lost on the way', () => {
  expect(days('2027-01-31T09:30', 'P1M', 5)).toEqual([
    ...['2027-01-31T09:30', '2027-02-28T09:30', '2027-03-31T09:30', '2027-04-30T09:30', '2027-05-31T09:30'],
  ]);
  expect(days('2028-01-30T00:00', 'P1M', 3)).toEqual([
    '2028-01-30T00:00',
    '2028-02-29T00:00',
    '2028-03-30T00:00',
  ]);
  expect(days('2028-02-29T00:00', 'P1Y', 5).map((each) => each.slice(0, 10))).toEqual([
    ...['2028-02-29', '2029-02-28', '2030-02-28', '2031-02-28', '2032-02-29'],
  ]);
  expect(days('2026-10-31T23:59', 'P4M', 3)).toEqual([
    '2026-10-31T23:59',
    '2027-02-28T23:59',
    '2027-06-30T23:59',
  ]);
});

test('weeks, days and hours are exact, also together with months', () => {
  expect(days('2027-01-01T00:00', 'P2W', 3)).toEqual([
    '2027-01-01T00:00',
    '2027-01-15T00:00',
    '2027-01-29T00:00',
  ]);
  expect(days('2027-01-01T00:00', 'P1DT12H', 3)).toEqual([
    '2027-01-01T00:00',
    '2027-01-02T12:00',
    '2027-01-04T00:00',
  ]);
  expect(days('2027-01-31T00:00', 'P1M1D', 2)).toEqual(['2027-01-31T00:00', '2027-03-01T00:00']);
});

test.each([
  ...[
    '',
    'P',
    'PT',
    'P1',
    '1M',
    'p1m',
    'P1M ',
    'P-1M',
    'P1.5M',
    'P1MT',
    'P1D1M',
    'PT59S',
    'P0D',
    'P11Y',
    'P99999D',
  ],
])('%j is no interval', (text) => expect(parseInterval(text)).toBeUndefined());

test('the next one after a moment is found without walking', () => {
  const first = at('2027-01-31T00:00');
  const monthly = parseInterval('P1M') ?? { months: 0, ms: 0 };
  expect(occurrenceAfter(first, monthly, 0, first - 1)).toBe(0);
  expect(occurrenceAfter(first, monthly, 0, first)).toBe(1);
  expect(occurrenceAfter(first, monthly, 0, at('2027-02-28T00:00'))).toBe(2);
  expect(occurrenceAfter(first, monthly, 3, first)).toBe(3);
  const minutely = { months: 0, ms: 60_000 };
  expect(occurrenceAfter(0, minutely, 0, 10 * 366 * 86_400_000)).toBe(10 * 366 * 1440 + 1);
});
