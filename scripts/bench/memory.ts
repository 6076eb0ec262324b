// `npm run bench -- --memory 10`: what API and workers take after minutes of load, and what stays behind in Redis.
import { Redis } from 'ioredis';
import type { Ground } from './ground.ts';
import { sendSpends, untilSettled } from './http.ts';
import { createProductDatabase, productRedis, withProduct } from './processes.ts';
import { printRatios } from './ratios.ts';
import { makePeople } from './users.ts';

const operations = 10_000;
const minuteMs = 60_000;
/** Tokens live for a quarter of an hour. */
const tokenMs = 5 * minuteMs;

export async function benchMemory(ground: Ground, minutes: number): Promise<void> {
  const samples: { api: number; workers: number }[] = [];
  await withProduct(ground, await createProductDatabase(ground), async (product) => {
    const people = await makePeople(product.services, 'memory');
    const started = Date.now();
    let renewedAt = started;
    let sent = 0;
    while (samples.length < minutes) {
      if (Date.now() - renewedAt > tokenMs) {
        await people.renewTokens();
        renewedAt = Date.now();
      }
      await sendSpends(ground, product.url, people, operations);
      sent += operations;
      if (Date.now() - started < (samples.length + 1) * minuteMs) continue;
      const sample = await product.memory();
      samples.push(sample);
      console.log(
        `minute ${samples.length}: ${sent} operations, API ${sample.api.toFixed(0)} MiB, workers ${sample.workers.toFixed(0)} MiB`,
      );
    }
    await untilSettled(product.services, people.tenant);
    await describeRedis(`${ground.redisUrl}/${productRedis}`);
  });
  const [first] = samples;
  const last = samples.at(-1);
  if (!first || !last) return;
  printRatios([
    {
      name: `API, after ${minutes} minutes / after one`,
      values: [last.api / first.api],
      bound: { atMost: 1.1 },
    },
    {
      name: `workers, after ${minutes} minutes / after one`,
      values: [last.workers / first.workers],
      bound: undefined,
    },
  ]);
}

/** Every key of the product's, by the first parts of its name: whose it is. */
async function describeRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  const kinds = new Map<string, { keys: number; bytes: number }>();
  for await (const found of redis.scanStream({ count: 1000 })) {
    for (const key of found as string[]) {
      const name = key.split(':').slice(0, 2).join(':');
      const kind = kinds.get(name) ?? { keys: 0, bytes: 0 };
      kind.keys += 1;
      kind.bytes += Number((await redis.memory('USAGE', key)) ?? 0);
      kinds.set(name, kind);
    }
  }
  await redis.quit();
  for (const [name, { keys, bytes }] of [...kinds].sort())
    console.log(`Redis ${name.padEnd(32)} ${keys} keys, ${(bytes / 1024).toFixed(0)} KiB`);
}
