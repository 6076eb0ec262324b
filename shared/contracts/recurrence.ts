// When a recurring operation comes round: ISO 8601 durations, counted from the first time, in UTC.

export interface Interval {
  months: number;
  ms: number;
}

const day = 86_400_000;
const units = { W: 7 * day, D: day, H: 3_600_000, M: 60_000, S: 1000 };

const pattern =
  /^P(?=\d|T\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,9})S)?)?$/;

/** A minute and ten years. */
const intervalMsMin = 60_000;
const intervalMsMax = 3660 * day;

/** Undefined for what is no ISO 8601 duration, is shorter than a minute, or longer than ten years. */
export function parseInterval(text: string): Interval | undefined {
  const found = pattern.exec(text);
  if (!found) return undefined;
  const [years, months, weeks, days, hours, minutes, seconds] = found
    .slice(1)
    .map((part) => Number(part ?? 0)) as [number, number, number, number, number, number, number];
  const interval = {
    months: years * 12 + months,
    ms: weeks * units.W + days * units.D + hours * units.H + minutes * units.M + seconds * units.S,
  };
  const shortest = interval.months * 28 * day + interval.ms;
  return shortest < intervalMsMin || shortest > intervalMsMax ? undefined : interval;
}

/**
 * When occurrence `n`, counted from 0, is due; milliseconds since 1970. Months come first: the same day of the
 * month as the first time, or the month's last day where it has none, so the 31st of January is followed by the
 * 28th or 29th of February and the 31st of March.
 */
export function occurrenceAt(first: number, { months, ms }: Interval, n: number): number {
  if (months === 0) return first + n * ms;
  const start = new Date(first);
  const month = start.getUTCMonth() + n * months;
  const lastDay = new Date(Date.UTC(start.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const at = new Date(first);
  at.setUTCFullYear(start.getUTCFullYear(), month, Math.min(start.getUTCDate(), lastDay));
  return at.getTime() + n * ms;
}

/** The first occurrence after `after`, none before `from`: its number. */
export function occurrenceAfter(first: number, interval: Interval, from: number, after: number): number {
  let low = from;
  if (occurrenceAt(first, interval, low) > after) return low;
  let step = 1;
  while (occurrenceAt(first, interval, low + step) <= after) step *= 2;
  let high = low + step;
  // At `low` it is not after, at `high` it is.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (occurrenceAt(first, interval, middle) > after) high = middle;
    else low = middle;
  }
  return high;
}
