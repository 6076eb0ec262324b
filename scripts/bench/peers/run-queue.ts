// One run of one queue as a process of its own: accepted to settled, with so many in flight; prints what it came to.
import { createPicker, type Distribution } from '../distribution.ts';
import { openBullmq, runNoOp } from './bullmq.ts';
import { openGraphileWorker } from './graphile-worker.ts';
import { openPgBoss } from './pg-boss.ts';
import type { PeerOptions, PeerQueue } from './task.ts';

export interface QueueRun {
  peer: 'bullmq-1' | 'bullmq-8' | 'pg-boss' | 'graphile-worker' | 'no-op';
  databaseUrl: string;
  redisUrl: string;
  distribution: Distribution;
  operations: number;
  /** Done before, and not counted. */
  warmUp: number;
}

const inFlight = 1000;
/** What is journaled by one insert. */
const together = 200;

async function main(given: QueueRun): Promise<{ perSecond: number }> {
  if (given.peer === 'no-op') return runNoOp(given.redisUrl, given.operations);
  let settled = 0;
  let wake: () => void = () => undefined;
  const queue = await open(given.peer, {
    ...given,
    settled() {
      settled += 1;
      wake();
    },
  });
  const pick = createPicker(given.distribution);
  let submitted = 0;
  const until = (done: () => boolean) =>
    new Promise<void>((resolve) => {
      wake = () => done() && resolve();
      wake();
    });
  const phase = async (operations: number) => {
    const end = submitted + operations;
    while (submitted < end) {
      const count = Math.min(together, end - submitted);
      await until(() => submitted + count - settled <= inFlight);
      await queue.submit(Array.from({ length: count }, pick));
      submitted += count;
    }
    await until(() => settled >= end);
  };
  await phase(given.warmUp);
  const started = performance.now();
  await phase(given.operations);
  const seconds = (performance.now() - started) / 1000;
  await queue.close();
  return { perSecond: given.operations / seconds };
}

function open(peer: QueueRun['peer'], options: PeerOptions): Promise<PeerQueue> {
  if (peer === 'pg-boss') return openPgBoss(options);
  if (peer === 'graphile-worker') return openGraphileWorker(options);
  return openBullmq(options, peer === 'bullmq-8' ? 8 : 1);
}

main(JSON.parse(process.argv[2] ?? '{}')).then(
  (result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
