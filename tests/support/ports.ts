// Ports for the servers of tests; no two that run at the same time are given the same one.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to outgoing connections, one of which may take a free one before its server listens. */
const first = 12_000;
/**
 * For each process that runs tests: seconds pass until a server listens, and another process must not be given its port
 * meanwhile. Whoever asked ours whether it is up would be answered by a stranger.
 */
const perPool = 1250;
const pools = 16;

const from = first + (Number(process.env.VITEST_POOL_ID ?? '1') % pools) * perPool;
let next = randomInt(perPool);

/** Each port once in a turn of all of them. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = from + next;
    next = (next + 1) % perPool;
    if (await isFree(port)) return port;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
