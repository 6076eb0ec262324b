// `npm run bench`: the product beside its peers, and what it does under other loads, by option.
import { parseArgs } from 'node:util';
import { benchAgainst } from './bench/against.ts';
import { drawLatency, drawRatios } from './bench/charts.ts';
import { benchFlood } from './bench/flood.ts';
import { onGround } from './bench/ground.ts';
import { benchGrowth } from './bench/growth.ts';
import { benchMemory } from './bench/memory.ts';
import { installPeers } from './bench/peer-process.ts';
import { findPgbench } from './bench/pgbench-program.ts';
import { createProductDatabase } from './bench/processes.ts';
import { formRatios, printRatios } from './bench/ratios.ts';
import { contenderNames, runRounds, type Sizes } from './bench/rounds.ts';
import { benchTenants } from './bench/tenants.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    operations: { type: 'string', default: '40000' },
    seconds: { type: 'string', default: '6' },
    only: { type: 'string' },
    charts: { type: 'boolean', default: false },
    flood: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    wallets: { type: 'string', default: '1000000' },
    memory: { type: 'string' },
    tenants: { type: 'string' },
    against: { type: 'string' },
  },
});

const sizes: Sizes = values.quick
  ? { rounds: 1, operations: 10_000, seconds: 3, share: 0.15 }
  : {
      rounds: Number(values.rounds),
      operations: Number(values.operations),
      seconds: Number(values.seconds),
      share: 1,
    };

async function main(): Promise<void> {
  if (values.tenants !== undefined) return benchTenants(Number(values.tenants));
  if (values.against !== undefined) return benchAgainst(values.against, sizes.rounds, sizes.operations);
  await installPeers();
  const wanted = chosen(values.only);
  await onGround(async (ground) => {
    if (values.flood) return benchFlood(ground, sizes.rounds);
    if (values.growth) return benchGrowth(ground, Number(values.wallets), sizes);
    if (values.memory !== undefined) return benchMemory(ground, Number(values.memory));
    const productUrl = await createProductDatabase(ground);
    const pgbench = await findPgbench();
    console.log(`pgbench: ${pgbench.path} (${pgbench.foundBy}), ${pgbench.version}`);
    const ratios = formRatios(await runRounds(ground, productUrl, pgbench.path, sizes, wanted));
    if (values.charts) {
      await drawRatios(ratios);
      await drawLatency(ground, productUrl);
    }
    printRatios(ratios);
  });
}

/** @throws Error for a name that is no contender's */
function chosen(only: string | undefined): Set<string> {
  if (only === undefined) return new Set(contenderNames);
  const names = only.split(',').flatMap((name) => (name === 'ours' ? ['redis', 'postgres'] : [name]));
  const unknown = names.filter((name) => !contenderNames.includes(name));
  if (unknown.length > 0)
    throw new Error(`--only knows ours, ${contenderNames.join(', ')}; not ${unknown.join(', ')}`);
  return new Set(names);
}

// Who is ended from outside ends what it started: what is left over would be measured by the next run. A second signal,
// as npm passes on what a terminal has sent to all already, must not end it in the middle of that.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
