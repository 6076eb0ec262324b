// Turns minor units into PayPal's decimal text and back, digit by digit: no float ever touches money.
import { z } from 'zod';

/** ISO 4217: how many digits the minor unit has, where it is not two. */
const digitsByCurrency = new Map<string, number>([
  ...['bif', 'clp', 'djf', 'gnf', 'isk', 'jpy', 'kmf', 'krw'].map((code) => [code, 0] as const),
  ...['pyg', 'rwf', 'ugx', 'uyi', 'vnd', 'vuv', 'xaf', 'xof', 'xpf'].map((code) => [code, 0] as const),
  ...['bhd', 'iqd', 'jod', 'kwd', 'lyd', 'omr', 'tnd'].map((code) => [code, 3] as const),
]);

/** Currencies that have a minor unit which PayPal does not take (its REST reference, "Currency codes"). */
const wholeOnly = new Set(['huf', 'twd']);

/** A currency or an amount that PayPal cannot charge. */
export class UnpayableAmount extends Error {
  override readonly name = 'UnpayableAmount';
}

/**
 * An amount as PayPal wants it: `{currency_code: 'USD', value: '12.30'}`.
 * @throws UnpayableAmount for currencies with three decimals, and for parts of a forint or Taiwan dollar.
 */
export function moneyBody(amount: number, currency: string): { currency_code: string; value: string } {
  const digits = digitsByCurrency.get(currency) ?? 2;
  if (digits > 2) throw new UnpayableAmount(`PayPal does not take ${currency.toUpperCase()}`);
  const text = String(amount).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits);
  const part = text.slice(text.length - digits);
  if (wholeOnly.has(currency)) {
    if (/[1-9]/.test(part)) throw new UnpayableAmount(`PayPal takes whole ${currency.toUpperCase()} only`);
    return { currency_code: currency.toUpperCase(), value: whole };
  }
  return { currency_code: currency.toUpperCase(), value: digits === 0 ? whole : `${whole}.${part}` };
}

/** In the minor unit of `currency`, which is in lower case. */
export interface Money {
  amount: number;
  currency: string;
}

/** Exact or undefined: text with more digits than the currency has, unless they are zeros, is no amount. */
function parseMoney(currencyCode: string, value: string): Money | undefined {
  const currency = currencyCode.toLowerCase();
  const digits = digitsByCurrency.get(currency) ?? 2;
  const parts = /^(\d*)(?:\.(\d+))?$/.exec(value);
  if (!parts || value === '') return undefined;
  const [, whole = '', part = ''] = parts;
  if (/[1-9]/.test(part.slice(digits))) return undefined;
  const amount = Number(`${whole}${part.slice(0, digits).padEnd(digits, '0')}`);
  return Number.isSafeInteger(amount) ? { amount, currency } : undefined;
}

/** PayPal's money, read into minor units. */
export const moneySchema = z
  .object({ currency_code: z.string().regex(/^[A-Za-z]{3}$/), value: z.string().max(32) })
  .transform(({ currency_code, value }, context): Money => {
    const money = parseMoney(currency_code, value);
    if (money) return money;
    context.addIssue({ code: 'custom', message: 'is no exact amount' });
    return z.NEVER;
  });
