// Keeps password hashing from starving everything else: few at once, a short queue, and no more.
import { Problem } from '#shared/contracts/problem.ts';

export interface HashGate {
  /** @throws Problem overloaded when the queue is full. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

interface HashGateOptions {
  /** Hashes that run at the same time, at most. */
  parallelMax: number;
  /** Hashes that wait for a slot, at most. */
  waitingMax: number;
  /** Told how many wait, whenever that changes. */
  onWaiting: (count: number) => void;
}

const retryAfterSeconds = 2;

/**
 * A hash holds a thread of libuv's pool, which DNS and files need too, and a core for a tenth of a second.
 * Whoever finds the queue full is sent away at once, which costs nothing.
 */
export function createHashGate({ parallelMax, waitingMax, onWaiting }: HashGateOptions): HashGate {
  const waiting: (() => void)[] = [];
  let running = 0;
  const enter = async () => {
    if (running < parallelMax) {
      running += 1;
      return;
    }
    if (waiting.length >= waitingMax) {
      throw new Problem('overloaded', {
        detail: 'Too many passwords are being checked at this moment.',
        retryAfterSeconds,
      });
    }
    const turn = new Promise<void>((resolve) => waiting.push(resolve));
    onWaiting(waiting.length);
    await turn;
  };
  const leave = () => {
    const next = waiting.shift();
    if (!next) {
      running -= 1;
      return;
    }
    // The slot is handed over, so that nobody who comes now can overtake.
    onWaiting(waiting.length);
    next();
  };
  return {
    async run(work) {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
