// Minor units to PayPal's text and back: exact in every currency, and never by way of a float.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { moneyBody, moneySchema, UnpayableAmount } from './money.ts';

test.each([
  [1, 'usd', 'USD', '0.01'],
  [10, 'eur', 'EUR', '0.10'],
  [1000, 'usd', 'USD', '10.00'],
  [1_000_000_000, 'usd', 'USD', '10000000.00'],
  [500, 'jpy', 'JPY', '500'],
  [50_000, 'huf', 'HUF', '500'],
  [100, 'twd', 'TWD', '1'],
])('%i of %s is written %s %s', (amount, currency, currency_code, value) => {
  expect(moneyBody(amount, currency)).toEqual({ currency_code, value });
  const read = moneySchema.parse({ currency_code, value });
  expect(read).toEqual({ amount, currency });
});

test.each([
  [1000, 'kwd', 'does not take KWD'],
  [50_001, 'huf', 'whole HUF only'],
  [10, 'twd', 'whole TWD only'],
])('%i of %s cannot be paid', (amount, currency, words) => {
  expect(() => moneyBody(amount, currency)).toThrow(UnpayableAmount);
  expect(() => moneyBody(amount, currency)).toThrow(words);
});

test('what is written is read back, whatever the amount', () => {
  const currencies = fc.constantFrom('usd', 'eur', 'gbp', 'jpy', 'chf', 'krw');
  const amounts = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(amounts, currencies, (amount, currency) => {
      expect(moneySchema.parse(moneyBody(amount, currency))).toEqual({ amount, currency });
    }),
  );
});

test.each([
  ['10', 'USD', 1000],
  ['10.5', 'USD', 1050],
  ['10.500', 'USD', 1050],
  ['.5', 'USD', 50],
  ['0.00', 'USD', 0],
  ['500.00', 'JPY', 500],
  ['500.00', 'HUF', 50_000],
  ['1.234', 'KWD', 1234],
])('%s %s is read as %i', (value, currency_code, amount) => {
  expect(moneySchema.parse({ currency_code, value }).amount).toBe(amount);
});

test.each([
  ['', 'USD'],
  ['1.005', 'USD'],
  ['1e3', 'USD'],
  ['-1.00', 'USD'],
  ['1,00', 'USD'],
  ['0x10', 'USD'],
  [' 1', 'USD'],
  ['.', 'USD'],
  ['500.5', 'JPY'],
  ['90071992547409.93', 'USD'],
  ['1.00', 'US'],
])('"%s" %s is no amount', (value, currency_code) => {
  expect(moneySchema.safeParse({ currency_code, value }).success).toBe(false);
});
