// The bench's own sums, and that it compares like with like: neither shows in a figure that is wrong.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formRatios, type Measure, orderedPeers } from './ratios.ts';

const round = (number: number, values: Record<string, number>): Measure[] =>
  Object.entries(values).map(([of, value]) => ({ round: number, of, value }));

test('a ratio is formed within each round, never across rounds', () => {
  const ratios = formRatios([
    ...round(1, { 'redis uniform': 100, 'pgbench uniform': 10 }),
    ...round(2, { 'redis uniform': 300, 'pgbench uniform': 20 }),
    ...round(3, { 'redis uniform': 300 }),
  ]);
  expect(ratios.map(({ name, values }) => [name, values])).toEqual([['uniform / pgbench', [10, 15]]]);
});

test('the best peer is the fastest of the round, and there is none while one of them is missing', () => {
  const peers = Object.fromEntries(orderedPeers.map((peer, i) => [`${peer} hot`, 10 * (i + 1)]));
  const all = formRatios(round(1, { 'redis hot': 400, ...peers }));
  expect(all).toEqual([{ name: 'hot / best peer hot', values: [10], bound: { atLeast: 40 } }]);
  expect(formRatios(round(1, { 'redis hot': 400, 'bullmq-1 hot': 10 }))).toEqual([]);
});

test('peers run on the versions that the product has, and their lock names no registry', () => {
  const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const product = JSON.parse(read('../../package.json')).dependencies as Record<string, string>;
  const peers = JSON.parse(read('peers/package.json')).dependencies as Record<string, string>;
  const shared = Object.keys(peers).filter((name) => product[name] !== undefined);
  expect(shared).toEqual(expect.arrayContaining(['bullmq', 'hono', 'pg', 'pg-boss']));
  for (const name of shared) expect(peers[name], name).toBe(product[name]);
  expect(read('peers/package-lock.json')).not.toContain('"resolved"');
});
