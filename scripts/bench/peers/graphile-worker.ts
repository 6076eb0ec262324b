// graphile-worker with a named queue a wallet, batched as its page on performance says, which 0.18 does in order.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import { journal, type Operation, openPool, type PeerOptions, type PeerQueue, settle } from './task.ts';

const concurrentJobs = 16;

export async function openGraphileWorker(options: PeerOptions): Promise<PeerQueue> {
  const connectionString = options.databaseUrl;
  const pool = openPool(connectionString, concurrentJobs);
  const logger = new Logger(() => () => undefined);
  const utils = await makeWorkerUtils({ connectionString, logger });
  await utils.migrate();
  const runner = await run({
    preset: {
      worker: {
        connectionString,
        concurrentJobs,
        maxPoolSize: concurrentJobs + 1,
        // With one wallet each fetch finds one job, and the next one waits for this long.
        pollInterval: 2,
        localQueue: { size: 500 },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
        gracefulShutdownAbortTimeout: 1000,
      },
    },
    logger,
    noHandleSignals: true,
    taskList: {
      spend: async (payload) => {
        await settle(pool, payload as Operation);
        options.settled();
      },
    },
  });
  // Jobs of one queue are taken by the time to run them, and those added together would share it.
  let runAt = Date.now() - 24 * 3600 * 1000;
  return {
    async submit(wallets) {
      const operations = await journal(pool, wallets);
      await utils.addJobs(
        operations.map((operation) => ({
          identifier: 'spend',
          payload: operation,
          queueName: `wallet-${operation.wallet}`,
          runAt: new Date(runAt++),
        })),
      );
    },
    async close() {
      await runner.stop();
      await utils.release();
      await pool.end();
    },
  };
}
