// Spends over HTTP, from the first request to the last settled operation, and bare Hono under the same requests.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Services } from '#shared/boot/services.ts';
import { verifyTenant } from './bench-tenant.ts';
import type { Ground } from './ground.ts';
import { runPeer } from './peer-process.ts';
import type { Product } from './processes.ts';
import { describeTimes, processorMs } from './processor.ts';
import { makePeople, type People } from './users.ts';

interface LoadResult {
  startedAt: number;
  endedAt: number;
  p50: number;
  p99: number;
}

/** The same for both. */
const connections = 64;
const warmUp = 3000;
const settledMsMax = 120_000;

/** Accepted by the API and settled by the workers, per second, and what each process took for one. */
export async function runOverHttp(
  ground: Ground,
  product: Product,
  slug: string,
  operations: number,
): Promise<{ perSecond: number; times: string }> {
  const people = await makePeople(product.services, slug);
  await sendSpends(ground, product.url, people, warmUp);
  await untilSettled(product.services, slug);
  const watched = { ...product.processes, ...ground.servers };
  const before = await processorMs(watched);
  const { startedAt } = await sendSpends(ground, product.url, people, operations);
  await untilSettled(product.services, slug);
  const seconds = (Date.now() - startedAt) / 1000;
  const times = describeTimes(before, await processorMs(watched), operations);
  await verifyTenant(product.services, slug, warmUp + operations);
  return { perSecond: operations / seconds, times };
}

export async function sendSpends(
  ground: Ground,
  url: string,
  people: Pick<People, 'tenant' | 'tokens'>,
  amount: number,
): Promise<LoadResult> {
  const tokensFile = join(ground.dir, `tokens-${people.tenant}.json`);
  await writeFile(tokensFile, JSON.stringify(people.tokens), { mode: 0o600 });
  return runPeer<LoadResult>('load.ts', { url, tokensFile, connections, amount });
}

/** Waits until nothing of that tenant is due. */
export async function untilSettled({ db }: Services, slug: string): Promise<void> {
  const end = Date.now() + settledMsMax;
  for (;;) {
    const left = await db.owner.query<{ due: boolean }>(
      `select exists (select from "tenant_${slug}".operations where due) as due`,
    );
    if (left.rows[0]?.due === false) return;
    if (Date.now() > end) throw new Error(`not all was settled within ${settledMsMax / 1000} s`);
    await sleep(10);
  }
}

/** Answers per second of a server that does nothing else. */
export async function runBareHono(ground: Ground, requests: number): Promise<number> {
  const server = spawn(process.execPath, [join(import.meta.dirname, 'peers/bare-hono.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {},
  });
  try {
    const url = `http://127.0.0.1:${await portOf(server)}`;
    const people = { tenant: 'bare', tokens: ['x'.repeat(600)] };
    await sendSpends(ground, url, people, warmUp);
    const { startedAt, endedAt } = await sendSpends(ground, url, people, requests);
    return requests / ((endedAt - startedAt) / 1000);
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
}

async function portOf(server: ChildProcess): Promise<number> {
  const [line] = await Promise.race([
    once(server.stdout as NonNullable<typeof server.stdout>, 'data'),
    once(server, 'exit').then(() => Promise.reject(new Error('bare Hono did not start'))),
  ]);
  return (JSON.parse(String(line)) as { port: number }).port;
}
