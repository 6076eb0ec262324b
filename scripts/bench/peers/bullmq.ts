// BullMQ on Redis with a transaction a job: order comes from one worker of concurrency 1 a queue, as its guide says.
import { Queue, Worker } from 'bullmq';
import { journal, type Operation, openPool, type PeerOptions, type PeerQueue, settle } from './task.ts';

/** A wallet's operations always go to the same of `shards` queues. */
export async function openBullmq(options: PeerOptions, shards: number): Promise<PeerQueue> {
  const connection = connectionOf(options.redisUrl);
  const pool = openPool(options.databaseUrl, shards + 1);
  const names = Array.from({ length: shards }, (_, shard) => `peer-${shards}-${shard}`);
  const queues = names.map(
    (name) =>
      new Queue<Operation>(name, {
        connection,
        defaultJobOptions: { removeOnComplete: true, removeOnFail: 1000 },
      }),
  );
  for (const queue of queues) await queue.obliterate({ force: true });
  const workers = names.map(
    (name) =>
      new Worker<Operation>(
        name,
        async (job) => {
          await settle(pool, job.data);
          options.settled();
        },
        { connection, concurrency: 1 },
      ),
  );
  for (const worker of workers) {
    worker.on('error', (error) => console.error(error));
    await worker.waitUntilReady();
  }
  return {
    async submit(wallets) {
      const operations = await journal(pool, wallets);
      const jobs = operations.map((data) => ({ name: 'spend', data }));
      await Promise.all(
        queues.map((queue, shard) =>
          queue.addBulk(jobs.filter(({ data }) => data.wallet % shards === shard)),
        ),
      );
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await Promise.all(queues.map((queue) => queue.close()));
      await pool.end();
    },
  };
}

/** How fast BullMQ takes jobs that do nothing: they are all there before the clock starts. */
export async function runNoOp(redisUrl: string, jobs: number): Promise<{ perSecond: number }> {
  const connection = connectionOf(redisUrl);
  const queue = new Queue('no-op', {
    connection,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  await queue.obliterate({ force: true });
  let left = 0;
  let finish: () => void = () => undefined;
  const worker = new Worker('no-op', async () => null, { connection, concurrency: 250, autorun: false });
  worker.on('completed', () => {
    left -= 1;
    if (left === 0) finish();
  });
  worker.on('error', (error) => console.error(error));
  await worker.waitUntilReady();
  const add = async (count: number) => {
    for (let at = 0; at < count; at += 500) {
      const bulk = Array.from({ length: Math.min(500, count - at) }, (_, i) => ({
        name: 'x',
        data: { seq: String(at + i), wallet: 7 },
      }));
      await queue.addBulk(bulk);
    }
  };
  const drained = (count: number) =>
    new Promise<void>((resolve) => {
      left = count;
      finish = resolve;
    });
  // Not counted: what is compiled for the first time.
  const warm = drained(2000);
  await add(2000);
  void worker.run();
  await warm;
  await worker.pause();
  await add(jobs);
  const done = drained(jobs);
  const started = performance.now();
  worker.resume();
  await done;
  const seconds = (performance.now() - started) / 1000;
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return { perSecond: jobs / seconds };
}

function connectionOf(redisUrl: string): { host: string; port: number; maxRetriesPerRequest: null } {
  const { hostname, port } = new URL(redisUrl);
  return { host: hostname, port: Number(port), maxRetriesPerRequest: null };
}
