// Lets the logins of one account take turns, so that a burst of right passwords is never taken for guessing.
import { Problem } from '#shared/contracts/problem.ts';

export interface Turns {
  /** Runs `work` when fewer than four of `key` are under way. @throws Problem overloaded when too many wait. */
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

/** Fewer than any sensible limit of wrong guesses: what is being looked at counts as wrong until it is right. */
const parallelMax = 4;
/** Of all accounts of this process together; as many as wait to be hashed. */
const waitingMax = 64;
const retryAfterSeconds = 2;

interface Lane {
  running: number;
  waiting: (() => void)[];
}

export function createTurns(): Turns {
  const lanes = new Map<string, Lane>();
  let waiting = 0;
  const enter = async (lane: Lane) => {
    if (lane.running < parallelMax) {
      lane.running += 1;
      return;
    }
    if (waiting >= waitingMax) {
      throw new Problem('overloaded', { detail: 'Too many logins wait at this moment.', retryAfterSeconds });
    }
    waiting += 1;
    // Its place is handed over by whoever leaves.
    await new Promise<void>((resolve) => lane.waiting.push(resolve));
    waiting -= 1;
  };
  const leave = (key: string, lane: Lane) => {
    const next = lane.waiting.shift();
    if (next) return next();
    lane.running -= 1;
    if (lane.running === 0) lanes.delete(key);
  };
  return {
    async run(key, work) {
      const lane = lanes.get(key) ?? { running: 0, waiting: [] };
      lanes.set(key, lane);
      await enter(lane);
      try {
        return await work();
      } finally {
        leave(key, lane);
      }
    },
  };
}
