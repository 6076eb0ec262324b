// Says where the time goes: what each process took of the processor while something ran.
import { readdir, readFile } from 'node:fs/promises';

/** Process ids by name; each stands for its children, too. */
export type Watched = Record<string, number>;

/** Milliseconds since each began. */
export type Times = Record<string, number>;

/** Linux counts in hundredths of a second. */
const tickMs = 10;

/** Empty where there is no /proc. */
export async function processorMs(watched: Watched): Promise<Times> {
  const names = await readdir('/proc').catch(() => []);
  const stats = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(statOf));
  const known = stats.filter((each) => each !== undefined);
  if (known.length === 0) return {};
  const sum = (pid: number) =>
    known.reduce((total, each) => (each.pid === pid || each.parent === pid ? total + each.ms : total), 0);
  return Object.fromEntries(Object.entries(watched).map(([name, pid]) => [name, sum(pid)]));
}

/** Of one operation, such as `node 35, postgres 58, redis 4 us of processor time each`. */
export function describeTimes(before: Times, after: Times, count: number): string {
  const parts = Object.entries(after).map(([name, ms]) => {
    return `${name} ${Math.round(((ms - (before[name] ?? 0)) * 1000) / count)}`;
  });
  return parts.length === 0 ? '' : `${parts.join(', ')} us of processor time each`;
}

/** With those of its children that ended. Manual page proc(5). */
async function statOf(pid: string): Promise<{ pid: number; parent: number; ms: number } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name stands in brackets and may hold spaces and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((total, at) => total + Number(fields[at]), 0);
  return { pid: Number(pid), parent: Number(fields[1]), ms: ticks * tickMs };
}
