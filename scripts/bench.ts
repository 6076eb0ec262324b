// `npm run bench`: the product's own accepted-to-settled path beside pgbench doing the same task, in one run.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLog } from '#shared/runtime/log.ts';
import { type Contender, openContender } from './bench/contender.ts';
import {
  describeServer,
  findPgbench,
  findServerPrograms,
  preparePgbench,
  runPgbench,
} from './bench/pgbench.ts';
import { median, type Round, ratioLine, summarise } from './bench/report.ts';
import { benchTenants } from './bench/tenants.ts';
import { startPostgres } from './embedded/postgres.ts';
import { startRedis } from './embedded/redis.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    operations: { type: 'string', default: '40000' },
    seconds: { type: 'string', default: '6' },
    quick: { type: 'boolean', default: false },
    tenants: { type: 'string' },
  },
});
const rounds = values.quick ? 1 : Number(values.rounds);
const operations = values.quick ? 10_000 : Number(values.operations);
const seconds = values.quick ? 3 : Number(values.seconds);

const distributions = ['uniform', 'hot'] as const;
const log = createLog('warn', 'bench');

async function main(): Promise<void> {
  if (values.tenants !== undefined) return benchTenants(Number(values.tenants));
  const dir = await mkdtemp(join(tmpdir(), 'coinlane-bench-'));
  const postgres = await startPostgres({
    dataDir: join(dir, 'postgres'),
    log: (line) => log.info(line),
    programs: await findServerPrograms(),
    settings: { shared_buffers: '1GB', max_wal_size: '4GB' },
  });
  const redis = await startRedis({ dir: join(dir, 'redis'), appendonly: true });
  const contenders: Contender[] = [];
  try {
    const pgbench = await findPgbench();
    console.log(`pgbench: ${pgbench.path} (${pgbench.foundBy}), ${pgbench.version}`);
    console.log(`Postgres: ${await describeServer(postgres.url)}; ${operations} operations a round`);
    const peerUrl = await preparePgbench(postgres.url);
    if ('missing' in redis) console.log(`no Redis half: ${redis.missing}`);
    else contenders.push(await openContender('redis', postgres.url, [redis.url]));
    contenders.push(await openContender('postgres', postgres.url, []));
    // Not counted: what is compiled, cached and extended for the first time belongs to no contender.
    for (const distribution of distributions) {
      await runPgbench(pgbench.path, peerUrl, distribution, 2);
      for (const contender of contenders) await contender.run(distribution, Math.min(operations, 15_000));
    }
    const results: Round[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      for (const distribution of distributions) {
        const peer = await runPgbench(pgbench.path, peerUrl, distribution, seconds);
        results.push({ round, contender: 'pgbench', distribution, perSecond: peer });
        console.log(`round ${round}  pgbench   ${distribution.padEnd(8)} ${Math.round(peer)}/s`);
        for (const contender of contenders) {
          const result = await contender.run(distribution, operations);
          results.push({ round, contender: contender.name, distribution, perSecond: result.perSecond });
          console.log(
            `round ${round}  ${contender.name.padEnd(9)} ${distribution.padEnd(8)} ${Math.round(result.perSecond)}/s  ` +
              `order and balances checked; ${result.perBatch.toFixed(0)} operations a settle, ${result.perInsert.toFixed(0)} a journal insert`,
          );
        }
      }
    }
    console.log('');
    const ratios = summarise(results);
    for (const ratio of ratios) console.log(ratioLine(ratio));
    console.log(
      JSON.stringify(Object.fromEntries(ratios.map((r) => [r.name, Number(median(r.values).toFixed(2))]))),
    );
  } finally {
    for (const contender of contenders) await contender.close();
    if (!('missing' in redis)) await redis.stop();
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
