// pg-boss with its policy for order by key: many keys a fetch, fetched again at once, since work() polls.
import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { journal, type Operation, openPool, type PeerOptions, type PeerQueue, settle } from './task.ts';

const queue = 'spend';
/** A second loop only fetches what the first has locked: two were slower than one. */
const batchSize = 100;

export async function openPgBoss(options: PeerOptions): Promise<PeerQueue> {
  const pool = openPool(options.databaseUrl, 16);
  const boss = new PgBoss({
    connectionString: options.databaseUrl,
    max: 4,
    supervise: false,
    schedule: false,
  });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(queue, { policy: 'key_strict_fifo' });
  let closing = false;
  let jobsMade = 0;
  const fetchAll = async () => {
    while (!closing) {
      const jobs = await boss.fetch<Operation>(queue, { batchSize });
      if (jobs.length === 0) {
        await sleep(2);
        continue;
      }
      await Promise.all(
        jobs.map(async (job) => {
          await settle(pool, job.data);
          options.settled();
        }),
      );
      await boss.complete(
        queue,
        jobs.map((job) => job.id),
      );
    }
  };
  const running = fetchAll();
  return {
    async submit(wallets) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const operations = await journal(client, wallets);
        const jobs = operations.map((data) => ({
          // Jobs of one insert share their time, and ties are broken by id.
          id: risingId(jobsMade++),
          data,
          singletonKey: String(data.wallet),
        }));
        const db = { executeSql: (text: string, values?: unknown[]) => client.query(text, values) };
        await boss.insert(queue, jobs, { db });
        await client.query('commit');
      } finally {
        client.release();
      }
    },
    async close() {
      closing = true;
      await running;
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
}

/** UUIDs in the order in which they were made. */
function risingId(count: number): string {
  return `00000000-0000-7000-8000-${count.toString(16).padStart(12, '0')}`;
}
