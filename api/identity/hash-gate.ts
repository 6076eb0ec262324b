// Keeps password hashing from starving everything else: few at once, a short queue, and each tenant its turn in it.
import { Problem } from '#shared/contracts/problem.ts';

export interface HashGate {
  /** `tenant`: whose turn the work is. @throws Problem overloaded when the queue is full. */
  run<T>(tenant: string, work: () => Promise<T>): Promise<T>;
}

interface HashGateOptions {
  /** Hashes that run at the same time, at most. */
  parallelMax: number;
  /** Hashes that wait for a slot, at most. */
  waitingMax: number;
  /** Told how many wait, whenever that changes. */
  onWaiting: (count: number) => void;
}

interface Turn {
  start(): void;
  refuse(reason: Problem): void;
}

const retryAfterSeconds = 2;

const overloaded = () =>
  new Problem('overloaded', {
    detail: 'Too many passwords are being checked at this moment.',
    retryAfterSeconds,
  });

/**
 * A hash holds a thread of libuv's pool, which DNS and files need too, and a core for a tenth of a second.
 * Tenants take turns, so the flood of one delays itself. Once the queue is full, whoever came last of the
 * tenant that has most in it is sent away at once, which costs nothing.
 */
export function createHashGate({ parallelMax, waitingMax, onWaiting }: HashGateOptions): HashGate {
  // In the order of their next turns; a tenant without anybody waiting is not in it.
  const queues = new Map<string, Turn[]>();
  let running = 0;
  let waiting = 0;

  const wait = (tenant: string, turn: Turn) => {
    const own = queues.get(tenant) ?? [];
    if (waiting >= waitingMax) {
      const longest = [...queues.values()].reduce((a, b) => (b.length > a.length ? b : a), own);
      if (longest.length <= own.length + 1) throw overloaded();
      longest.pop()?.refuse(overloaded());
      waiting -= 1;
    }
    own.push(turn);
    queues.set(tenant, own);
    waiting += 1;
    onWaiting(waiting);
  };

  const takeNext = (): Turn | undefined => {
    const [entry] = queues;
    if (!entry) return undefined;
    const [tenant, turns] = entry;
    const turn = turns.shift();
    // To the end of the line.
    queues.delete(tenant);
    if (turns.length > 0) queues.set(tenant, turns);
    waiting -= 1;
    onWaiting(waiting);
    return turn;
  };

  return {
    async run(tenant, work) {
      if (running < parallelMax) running += 1;
      else await new Promise<void>((start, refuse) => wait(tenant, { start, refuse }));
      try {
        return await work();
      } finally {
        // The slot is handed over, so that nobody who comes now can overtake.
        const next = takeNext();
        if (next) next.start();
        else running -= 1;
      }
    },
  };
}
