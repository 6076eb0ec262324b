// How amounts, times and foreign text read in mails.
import { expect, test } from 'vitest';
import { formatCoins, formatMoney, formatTime, plainLine } from '#workers/mail/format.ts';

test.each([
  [499, 'usd', '$4.99'],
  [100_000, 'usd', '$1,000.00'],
  [5, 'eur', '€0.05'],
  [800, 'jpy', '¥800'],
  [1500, 'krw', '₩1,500'],
  [1234, 'kwd', 'KWD 1.234'],
  [9_007_199_254_740_991, 'usd', '$90,071,992,547,409.91'],
])('%i minor units of %s read %s', (minor, currency, expected) => {
  expect(formatMoney(minor, currency).replaceAll('\u00a0', ' ')).toBe(expected);
});

test('coins are whole, grouped and named', () => {
  expect(formatCoins(9_007_199_254_740_991, { symbol: 'G', name: 'Gold' })).toBe(
    'G 9,007,199,254,740,991 Gold',
  );
});

test('times are in UTC, wherever the machine is', () => {
  expect(formatTime(new Date('2026-03-09T00:05:00+02:00'))).toBe('March 8, 2026 at 10:05 PM UTC');
});

test('foreign text becomes one line without tricks', () => {
  expect(plainLine(' a\r\nBcc: x\u2028y\u0000z \u202egpj.exe\ud800 ')).toBe('a Bcc: x y z gpj.exe\ufffd');
});
