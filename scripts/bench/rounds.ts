// The side by side: every contender once a round, one after the other, on the same server.
import { type Contender, openContender } from './contender.ts';
import type { Distribution } from './distribution.ts';
import type { Ground } from './ground.ts';
import { runBareHono, runOverHttp } from './http.ts';
import { paceSpends } from './paced-load.ts';
import { runPeer } from './peer-process.ts';
import { createPeerDatabase, emptyPeerTables, verifyPeerTables, withClient } from './peer-tables.ts';
import { pacePgbench, prepareTpcb, runPgbench } from './pgbench.ts';
import { withProduct } from './processes.ts';
import { type Measure, orderedPeers } from './ratios.ts';
import { makePeople } from './users.ts';

export interface Sizes {
  rounds: number;
  /** Ours in process. */
  operations: number;
  /** Of a run of pgbench. */
  seconds: number;
  /** How much of the full size all others do: 1 is all of it. */
  share: number;
}

interface Run {
  of: string;
  /** What it came to, and what is worth saying beside it. */
  run(round: number): Promise<{ value: number; remark?: string }>;
}

/** Names for `--only`, each with what it takes part in. */
export const contenderNames = [
  ...['redis', 'postgres', 'pgbench', 'pgbench-transfer', 'pgbench-tpcb'],
  ...orderedPeers,
  ...['no-op', 'http', 'hono', 'wait', 'pgbench-paced'],
];

/** `Prefer: wait` and pgbench are compared at this many a second. */
const pace = 50;
const distributions = ['uniform', 'hot'] as const;
const warmUpSeconds = 2;
const warmUpOperations = 15_000;

/** The slow ones do fewer: as many as take some seconds. */
const peerOperations: Record<(typeof orderedPeers)[number], Record<Distribution, number>> = {
  'bullmq-1': { uniform: 3000, hot: 3000 },
  'bullmq-8': { uniform: 5000, hot: 3000 },
  'pg-boss': { uniform: 8000, hot: 1200 },
  'graphile-worker': { uniform: 6000, hot: 800 },
};

export async function runRounds(
  ground: Ground,
  productUrl: string,
  pgbench: string,
  sizes: Sizes,
  wanted: Set<string>,
): Promise<Measure[]> {
  const contenders: Contender[] = [];
  try {
    const peerUrl = await createPeerDatabase(ground.postgresUrl);
    await emptyPeerTables(peerUrl);
    if (wanted.has('redis'))
      contenders.push(await openContender('redis', ground.postgresUrl, [ground.redisUrl], ground.servers));
    if (wanted.has('postgres'))
      contenders.push(await openContender('postgres', ground.postgresUrl, [], ground.servers));
    const runs = [
      ...(await pgbenchRuns(ground, pgbench, peerUrl, sizes.seconds, wanted)),
      ...ourRuns(contenders, sizes.operations),
      ...peerRuns(ground, peerUrl, sizes.share),
      ...limitRuns(ground, sizes.share),
      ...overHttpRuns(ground, productUrl, sizes),
    ].filter(({ of }) => wanted.has(of.split(' ')[0] ?? ''));
    await warmUp(pgbench, peerUrl, contenders, sizes.operations);
    const measures: Measure[] = [];
    for (let round = 1; round <= sizes.rounds; round += 1) {
      for (const { of, run } of runs) {
        const { value, remark = '' } = await run(round);
        measures.push({ round, of, value });
        const isTime = of === 'wait' || of === 'pgbench-paced';
        const figure = isTime ? `${value.toFixed(2)} ms` : `${Math.round(value)}/s`;
        console.log(`round ${round}  ${of.padEnd(24)} ${figure.padStart(9)}  ${remark}`.trimEnd());
      }
    }
    return measures;
  } finally {
    for (const contender of contenders) await contender.close();
  }
}

/** Not counted: what is compiled, cached and extended for the first time belongs to no contender. */
async function warmUp(pgbench: string, peerUrl: string, contenders: Contender[], operations: number) {
  for (const distribution of distributions) {
    await runPgbench(pgbench, peerUrl, 'task', distribution, warmUpSeconds);
    for (const contender of contenders)
      await contender.run(distribution, Math.min(operations, warmUpOperations));
  }
}

async function pgbenchRuns(
  ground: Ground,
  pgbench: string,
  url: string,
  seconds: number,
  wanted: Set<string>,
): Promise<Run[]> {
  const tpcbUrl = wanted.has('pgbench-tpcb') ? await prepareTpcb(pgbench, ground.postgresUrl) : '';
  return [
    ...distributions.map((distribution) => ({
      of: `pgbench ${distribution}`,
      run: async () => {
        await emptyPeerTables(url);
        const value = await runPgbench(pgbench, url, 'task', distribution, seconds);
        await verifyPeerTables(url, { ordered: false });
        return { value, remark: 'balances checked' };
      },
    })),
    {
      of: 'pgbench-transfer uniform',
      run: async () => {
        await emptyPeerTables(url);
        return { value: await runPgbench(pgbench, url, 'transfer', 'uniform', seconds) };
      },
    },
    {
      of: 'pgbench-tpcb',
      run: async () => ({ value: await runPgbench(pgbench, tpcbUrl, 'tpcb', 'uniform', seconds) }),
    },
    {
      of: 'pgbench-paced',
      run: async () => {
        await emptyPeerTables(url);
        return { value: await pacePgbench(pgbench, url, pace, seconds), remark: `p50 at ${pace}/s` };
      },
    },
  ];
}

function ourRuns(contenders: Contender[], operations: number): Run[] {
  return distributions.flatMap((distribution) =>
    contenders.map((contender) => ({
      of: `${contender.name} ${distribution}`,
      run: async () => {
        const { perSecond, perBatch, perInsert, times } = await contender.run(distribution, operations);
        const grouped = `${perBatch.toFixed(0)} operations a settle, ${perInsert.toFixed(0)} a journal insert`;
        return { value: perSecond, remark: `order and balances checked; ${grouped}; ${times}` };
      },
    })),
  );
}

function peerRuns(ground: Ground, databaseUrl: string, share: number): Run[] {
  return distributions.flatMap((distribution) =>
    orderedPeers.map((peer) => ({
      of: `${peer} ${distribution}`,
      run: async () => {
        const operations = Math.round(peerOperations[peer][distribution] * share);
        const warmUp = Math.round(operations / 5);
        await withClient(databaseUrl, (client) =>
          client.query('drop schema if exists pgboss, graphile_worker cascade'),
        );
        await emptyPeerTables(databaseUrl);
        const { redisUrl } = ground;
        const given = { peer, databaseUrl, redisUrl, distribution, operations, warmUp };
        const { perSecond } = await runPeer<{ perSecond: number }>('run-queue.ts', given);
        await verifyPeerTables(databaseUrl, { operations: operations + warmUp, ordered: true });
        return { value: perSecond, remark: `order and balances checked; ${operations} operations` };
      },
    })),
  );
}

function limitRuns(ground: Ground, share: number): Run[] {
  const { redisUrl } = ground;
  return [
    {
      of: 'no-op',
      run: async () => {
        const given = { peer: 'no-op', redisUrl, operations: Math.round(20_000 * share) };
        return { value: (await runPeer<{ perSecond: number }>('run-queue.ts', given)).perSecond };
      },
    },
    { of: 'hono', run: async () => ({ value: await runBareHono(ground, Math.round(60_000 * share)) }) },
  ];
}

/** Processes for this run only: idle ones would take their part from all others. */
function overHttpRuns(ground: Ground, databaseUrl: string, { share, seconds }: Sizes): Run[] {
  return [
    {
      of: 'http',
      run: (round) =>
        withProduct(ground, databaseUrl, async (product) => {
          const operations = Math.round(20_000 * share);
          const { perSecond, times } = await runOverHttp(ground, product, `http-${round}`, operations);
          return { value: perSecond, remark: `order and balances checked; ${times}` };
        }),
    },
    {
      of: 'wait',
      run: (round) =>
        withProduct(ground, databaseUrl, async (product) => {
          const { tokens } = await makePeople(product.services, `wait-${round}`);
          // Not counted: the first request of each user looks up who that is.
          await paceSpends(product.url, tokens, 10 * pace, 2);
          const { p50, p99 } = await paceSpends(product.url, tokens, pace, seconds);
          return { value: p50, remark: `p50 at ${pace}/s; p99 ${p99.toFixed(1)} ms` };
        }),
    },
  ];
}
