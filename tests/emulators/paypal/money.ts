// Amounts as PayPal writes them: decimal strings, in as many places as PayPal allows a currency.

export interface Money {
  currency_code: string;
  value: string;
}

/** PayPal's own list; HUF and TWD have decimals elsewhere (REST reference, "Currency codes"). */
const withoutDecimals = new Set(['HUF', 'JPY', 'TWD']);
const withDecimals = new Set(
  'AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN RUB SEK SGD THB USD'.split(' '),
);

export type MoneyFault =
  | 'INVALID_CURRENCY_CODE'
  | 'DECIMALS_NOT_SUPPORTED'
  | 'DECIMAL_PRECISION'
  | 'CANNOT_BE_ZERO_OR_NEGATIVE';

function decimalsOf(currency: string): number {
  return withoutDecimals.has(currency) ? 0 : 2;
}

/** What PayPal would say against an amount to be paid or refunded; undefined when it is fine. */
export function faultOf({ currency_code: currency, value }: Money): MoneyFault | undefined {
  if (!withoutDecimals.has(currency) && !withDecimals.has(currency)) return 'INVALID_CURRENCY_CODE';
  const fraction = value.split('.')[1] ?? '';
  if (fraction.length > decimalsOf(currency)) {
    return decimalsOf(currency) === 0 ? 'DECIMALS_NOT_SUPPORTED' : 'DECIMAL_PRECISION';
  }
  return Number(value) > 0 ? undefined : 'CANNOT_BE_ZERO_OR_NEGATIVE';
}

/** In the minor unit of the currency. Only for values without a fault. */
export function toMinor({ currency_code: currency, value }: Money): number {
  const [whole = '0', fraction = ''] = value.split('.');
  return Number(`${whole || '0'}${fraction.padEnd(decimalsOf(currency), '0')}`);
}

export function fromMinor(minor: number, currency: string): Money {
  const decimals = decimalsOf(currency);
  const digits = Math.abs(minor)
    .toString()
    .padStart(decimals + 1, '0');
  const cut = digits.length - decimals;
  const value = decimals === 0 ? digits : `${digits.slice(0, cut)}.${digits.slice(cut)}`;
  return { currency_code: currency, value: minor < 0 ? `-${value}` : value };
}
