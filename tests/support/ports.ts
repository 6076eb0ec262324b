// Ports for the servers of tests; no two that run at the same time are given the same one.
import { randomInt } from 'node:crypto';
import { findFreePort } from '../../scripts/embedded/free-port.ts';

const pools = 16;
/** Of this process among those that run tests at the same time. */
export const poolNumber = Number(process.env.VITEST_POOL_ID ?? '1') % pools;

/** Below the ports that Linux gives to outgoing connections, one of which may take a free one before its server listens. */
const first = 12_000;
/**
 * For each process that runs tests: seconds pass until a server listens, and another process must not be given its port
 * meanwhile. Whoever asked ours whether it is up would be answered by a stranger.
 */
const perPool = 1250;

const from = first + poolNumber * perPool;
let next = randomInt(perPool);

/** Each port once in a turn of all of them. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = from + next;
    next = (next + 1) % perPool;
    if ((await findFreePort(port)) === port) return port;
  }
}
