// What is promised as ratios of one run: each is formed round by round, and judged by its median.
import { median } from './figures.ts';

/** What one contender came to in one round: operations per second, or milliseconds where it is a time. */
export interface Measure {
  round: number;
  /** Such as `redis hot`. */
  of: string;
  value: number;
}

export type Bound = { atLeast: number } | { atMost: number };

export interface Ratio {
  name: string;
  /** One a round. */
  values: number[];
  bound: Bound | undefined;
}

export const orderedPeers = ['bullmq-1', 'bullmq-8', 'pg-boss', 'graphile-worker'] as const;

interface Promised {
  name: string;
  over: string;
  /** Where there are several, the best of them in that round. */
  under: string[];
  bound?: Bound;
}

const best = (distribution: string) => orderedPeers.map((peer) => `${peer} ${distribution}`);

const promised: Promised[] = [
  { name: 'uniform / pgbench', over: 'redis uniform', under: ['pgbench uniform'], bound: { atLeast: 8 } },
  {
    name: 'Postgres backend, uniform / pgbench',
    over: 'postgres uniform',
    under: ['pgbench uniform'],
    bound: { atLeast: 4 },
  },
  { name: 'hot / pgbench hot', over: 'redis hot', under: ['pgbench hot'], bound: { atLeast: 20 } },
  { name: 'Postgres backend, hot / pgbench hot', over: 'postgres hot', under: ['pgbench hot'] },
  { name: 'hot / uniform', over: 'redis hot', under: ['redis uniform'], bound: { atLeast: 0.9 } },
  { name: 'uniform / BullMQ no-op', over: 'redis uniform', under: ['no-op'], bound: { atLeast: 1.7 } },
  { name: 'HTTP / bare Hono', over: 'http', under: ['hono'], bound: { atLeast: 0.3 } },
  {
    name: 'uniform / best peer',
    over: 'redis uniform',
    under: best('uniform'),
    bound: { atLeast: 12 },
  },
  { name: 'hot / best peer hot', over: 'redis hot', under: best('hot'), bound: { atLeast: 40 } },
  { name: 'uniform / pgbench transfer', over: 'redis uniform', under: ['pgbench-transfer uniform'] },
  { name: 'uniform / pgbench TPC-B', over: 'redis uniform', under: ['pgbench-tpcb'] },
  { name: 'wait p50 / pgbench p50', over: 'wait', under: ['pgbench-paced'], bound: { atMost: 6 } },
];

/** Ratios of which a part was not measured are left out. */
export function formRatios(measures: Measure[]): Ratio[] {
  const rounds = [...new Set(measures.map(({ round }) => round))];
  return promised.flatMap(({ name, over, under, bound }) => {
    const values = rounds.flatMap((round) => {
      const found = (of: string) => measures.find((each) => each.round === round && each.of === of)?.value;
      const top = found(over);
      const bottoms = under.map(found).filter((value) => value !== undefined);
      // A best that lacks somebody would flatter us.
      return top === undefined || bottoms.length < under.length ? [] : [top / Math.max(...bottoms)];
    });
    return values.length > 0 ? [{ name, values, bound }] : [];
  });
}

/** @returns undefined where nothing was promised */
function isKept({ values, bound }: Ratio): boolean | undefined {
  if (bound === undefined) return undefined;
  const middle = median(values);
  return 'atLeast' in bound ? middle >= bound.atLeast : middle <= bound.atMost;
}

const show = (value: number) => value.toFixed(value < 10 ? 2 : 1);

function ratioLine(ratio: Ratio): string {
  const { name, values, bound } = ratio;
  const range = `${show(Math.min(...values))}-${show(Math.max(...values))}`;
  const figure = `${name.padEnd(38)} ${show(median(values)).padStart(6)}  (${range})`.padEnd(66);
  if (bound === undefined) return figure.trimEnd();
  const missed = 'atLeast' in bound ? 'BELOW' : 'ABOVE';
  const wanted = 'atLeast' in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`;
  return `${figure}${wanted}: ${isKept(ratio) ? 'ok' : missed}`;
}

/** The table for people, and as the last line the medians for programs. */
export function printRatios(ratios: Ratio[]): void {
  console.log('');
  for (const ratio of ratios) console.log(ratioLine(ratio));
  console.log(
    JSON.stringify(
      Object.fromEntries(ratios.map(({ name, values }) => [name, Number(median(values).toFixed(3))])),
    ),
  );
}
