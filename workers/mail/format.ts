// How amounts, times and names read in mails: one language, one time zone, whatever machine renders them.

const locale = 'en-US';

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const time = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

export interface CoinNames {
  name: string;
  symbol: string;
}

/** The platform that the reader knows, and its coin. */
export interface Platform {
  name: string;
  coin: CoinNames;
}

/** Whole coins, such as "🪙 1,200 Coin". */
export function formatCoins(amount: number, coin: CoinNames): string {
  return `${coin.symbol} ${whole.format(amount)} ${coin.name}`;
}

/**
 * Money from minor units, such as "$4.99" from 499. How many digits are minor comes with the currency (ISO 4217,
 * as Intl knows it): yen have none, dinars of Kuwait have three.
 */
export function formatMoney(minorUnits: number, currency: string): string {
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency: currency.toUpperCase() });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  // As a decimal text: a division would lose the last cent of the largest amounts.
  return format.format(`${minorUnits}E-${digits}` as Intl.StringNumericLiteral);
}

/** A moment in UTC, such as "March 9, 2026 at 2:05 PM UTC". */
export function formatTime(moment: Date): string {
  // Some versions of ICU put a narrow no-break space before AM; old mail programs show it as a box.
  return `${time.format(moment).replaceAll(/[\u202f\u00a0]/g, ' ')} UTC`;
}

/**
 * One line of text: no control characters, no line breaks of any kind, nothing that turns the direction of
 * reading around. What others chose (names, references) passes through here before it stands in a mail.
 */
export function plainLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
}

/** Whoever opens an account in a stranger's name chooses this text: what could become a link is left out. */
export function greeting(name: string | null): string {
  const plain = plainLine(name ?? '');
  const couldLink = /:\/\/|@|[\p{L}\p{N}-]{2,}\.\p{L}{2,}/u.test(plain);
  return plain === '' || plain.length > 60 || couldLink ? 'Hello,' : `Hello ${plain},`;
}
