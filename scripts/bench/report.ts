// Ratios of one run: ours over pgbench in the same round, then the median over rounds.
export interface Round {
  round: number;
  contender: string;
  distribution: 'uniform' | 'hot';
  perSecond: number;
}

export interface Ratio {
  name: string;
  values: number[];
  atLeast: number;
}

/** The floors of the issue that the core must keep from the first day. */
const floors: Record<string, number> = {
  'redis/pgbench uniform': 6,
  'redis/pgbench hot': 15,
  'postgres/pgbench uniform': 3,
  'postgres/pgbench hot': 10,
};

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function summarise(results: Round[]): Ratio[] {
  const ratios = new Map<string, number[]>();
  for (const result of results) {
    if (result.contender === 'pgbench') continue;
    const peer = results.find(
      (each) =>
        each.contender === 'pgbench' &&
        each.round === result.round &&
        each.distribution === result.distribution,
    );
    if (!peer) continue;
    const name = `${result.contender}/pgbench ${result.distribution}`;
    ratios.set(name, [...(ratios.get(name) ?? []), result.perSecond / peer.perSecond]);
  }
  return [...ratios].map(([name, values]) => ({ name, values, atLeast: floors[name] ?? 0 }));
}

export function ratioLine({ name, values, atLeast }: Ratio): string {
  const middle = median(values);
  const range = `${Math.min(...values).toFixed(1)}-${Math.max(...values).toFixed(1)}`;
  const verdict = middle >= atLeast ? 'ok' : 'BELOW';
  return `${name.padEnd(26)} ${middle.toFixed(1).padStart(5)}  (${range})  at least ${atLeast}: ${verdict}`;
}
