// `npm run bench -- --charts`: what the run found, drawn as SVG: the ratios, and how long spends take by their rate.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { median } from './figures.ts';
import type { Ground } from './ground.ts';
import { paceSpends } from './paced-load.ts';
import { runPeer } from './peer-process.ts';
import { withProduct } from './processes.ts';
import type { Ratio } from './ratios.ts';
import { makePeople } from './users.ts';

const folder = join(import.meta.dirname, '../../docs', 'charts');
const rates = [50, 100, 200, 400, 800, 1600];
const seconds = 8;
/** Beyond this the rate is more than the machine takes: the rest would only be longer. */
const p99MsMax = 2000;

export async function drawRatios(ratios: Ratio[]): Promise<void> {
  const values = ratios.map(({ name, values: rounds, bound }) => ({
    name,
    median: median(rounds),
    low: Math.min(...rounds),
    high: Math.max(...rounds),
    bound: bound && ('atLeast' in bound ? bound.atLeast : bound.atMost),
  }));
  const y = { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 320 } };
  const scale = { type: 'log', nice: false };
  const mark = (type: string, field: string, more: object, title: string | null = null) => ({
    mark: { type, ...more },
    encoding: { y, x: { field, type: 'quantitative', scale, title } },
  });
  await draw('ratios.svg', {
    title: 'Ratios of one run: median and range over rounds; the tick is the bound',
    width: 480,
    height: { step: 24 },
    data: { values },
    layer: [
      {
        mark: { type: 'rule', color: '#8aa4c8', strokeWidth: 5 },
        encoding: {
          y,
          x: { field: 'low', type: 'quantitative', scale, title: 'times (logarithmic)' },
          x2: { field: 'high' },
        },
      },
      mark('point', 'median', { filled: true, size: 70, color: '#1f3f77', opacity: 1 }),
      mark('tick', 'bound', { color: '#c0392b', thickness: 2, size: 18 }),
    ],
  });
}

/** Spends with `Prefer: wait` over HTTP at rising rates, until they take too long. */
export async function drawLatency(ground: Ground, databaseUrl: string): Promise<void> {
  const values: { rate: number; share: string; ms: number }[] = [];
  await withProduct(ground, databaseUrl, async ({ url, services }) => {
    const { tokens } = await makePeople(services, 'latency');
    await paceSpends(url, tokens, 300, 5);
    for (const rate of rates) {
      const { p50, p99 } = await paceSpends(url, tokens, rate, seconds);
      console.log(`${rate} spends a second: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
      values.push({ rate, share: 'p50', ms: p50 }, { rate, share: 'p99', ms: p99 });
      if (p99 > p99MsMax) break;
    }
  });
  await draw('latency.svg', {
    title: 'From request to outcome (Prefer: wait) by spends a second',
    width: 480,
    height: 260,
    data: { values },
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'rate',
        type: 'quantitative',
        scale: { type: 'log', nice: false },
        title: 'spends a second',
        axis: { values: rates },
      },
      y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'milliseconds' },
      color: { field: 'share', type: 'nominal', title: null, scale: { range: ['#1f3f77', '#c0392b'] } },
    },
  });
}

async function draw(name: string, chart: object): Promise<void> {
  const { svg } = await runPeer<{ svg: string }>('chart.ts', { background: 'white', ...chart });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `${svg}\n`);
  console.log(`${name} was drawn`);
}
