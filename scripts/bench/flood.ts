// `npm run bench -- --flood`: how long a quiet tenant waits while another one floods, beside how long it waits alone.
import { randomUUID } from 'node:crypto';
import type { Ground } from './ground.ts';
import { sendSpends, untilSettled } from './http.ts';
import { type PacedResult, paceSpends } from './paced-load.ts';
import { createProductDatabase, type Product, withProduct } from './processes.ts';
import { printRatios, type Ratio } from './ratios.ts';
import { makePeople, type People } from './users.ts';

const flood = 50_000;
const batchSize = 1000;
const quietPerSecond = 20;
const aloneSeconds = 15;
const floodSecondsMax = 300;
const atMost = 3;

export async function benchFlood(ground: Ground, rounds: number): Promise<void> {
  const databaseUrl = await createProductDatabase(ground);
  const one: Ratio = { name: 'quiet p99, flood of requests / alone', values: [], bound: { atMost } };
  const many: Ratio = { name: 'quiet p99, flood of batches / alone', values: [], bound: { atMost } };
  await withProduct(ground, databaseUrl, async (product) => {
    for (let round = 1; round <= rounds; round += 1) {
      const quiet = await makePeople(product.services, `quiet-${round}`);
      await paceSpends(product.url, quiet.tokens, 10 * quietPerSecond, 5);
      const alone = await paceSpends(product.url, quiet.tokens, quietPerSecond, aloneSeconds);
      say(round, 'alone', alone);
      const loud = await makePeople(product.services, `loud-${round}`);
      const beside = (send: () => Promise<unknown>) =>
        besideFlood(product, quiet, async () => {
          await send();
          await untilSettled(product.services, loud.tenant);
        });
      const requests = await beside(() => sendSpends(ground, product.url, loud, flood));
      say(round, `beside ${flood} requests`, requests);
      const batches = await beside(() => sendBatches(product.url, loud));
      say(round, `beside ${flood} operations in batches of ${batchSize}`, batches);
      one.values.push(requests.p99 / alone.p99);
      many.values.push(batches.p99 / alone.p99);
    }
  });
  printRatios([one, many]);
}

async function besideFlood(product: Product, quiet: People, send: () => Promise<void>): Promise<PacedResult> {
  let over = false;
  const flooding = send().finally(() => {
    over = true;
  });
  const [result] = await Promise.all([
    paceSpends(product.url, quiet.tokens, quietPerSecond, floodSecondsMax, () => over),
    flooding,
  ]);
  return result;
}

/** Each of its own user, a few at a time. */
async function sendBatches(url: string, { tokens }: People): Promise<void> {
  let left = flood / batchSize;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      const answer = await fetch(`${url}/wallet/batch`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${tokens[left]}`,
          'content-type': 'application/json',
          'idempotency-key': randomUUID(),
        },
        body: JSON.stringify({
          operations: Array.from({ length: batchSize }, () => ({
            kind: 'spend',
            amount: 1,
            idempotencyKey: randomUUID(),
          })),
        }),
      });
      if (!answer.ok) throw new Error(`a batch was answered ${answer.status}: ${await answer.text()}`);
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: 4 }, lane));
}

function say(round: number, what: string, { p50, p99, count }: PacedResult): void {
  const figures = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${count}`;
  console.log(`round ${round}  quiet tenant at ${quietPerSecond}/s, ${what.padEnd(46)} ${figures}`);
}
