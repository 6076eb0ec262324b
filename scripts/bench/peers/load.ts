// Spends over HTTP as fast as they are answered, by autocannon: the same requests for the product and for bare Hono.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

export interface LoadGiven {
  url: string;
  /** A JSON file with a list of tokens, used in turn. */
  tokensFile: string;
  connections: number;
  amount: number;
  /** What more is in the body, such as whose wallet it is. */
  body?: object;
}

export interface LoadResult {
  /** Milliseconds since 1970: when the first request was sent, and the last one answered. */
  startedAt: number;
  endedAt: number;
  p50: number;
  p99: number;
}

/** It is both a promise and an emitter, which its types do not say. */
const start = autocannon as unknown as (
  options: autocannon.Options,
) => autocannon.Instance & Promise<autocannon.Result>;

async function main(given: LoadGiven): Promise<LoadResult> {
  const tokens = JSON.parse(readFileSync(given.tokensFile, 'utf8')) as string[];
  const body = JSON.stringify({ amount: 1, ...given.body });
  let turn = 0;
  const startedAt = Date.now();
  let endedAt = startedAt;
  const running = start({
    url: given.url,
    connections: given.connections,
    amount: given.amount,
    timeout: 60,
    sampleInt: 100,
    requests: [
      {
        method: 'POST',
        path: '/wallet/spend',
        setupRequest: (request) => {
          turn = (turn + 1) % tokens.length;
          request.headers = {
            authorization: `Bearer ${tokens[turn]}`,
            'content-type': 'application/json',
            'idempotency-key': randomUUID(),
          };
          request.body = body;
          return request;
        },
      },
    ],
  });
  // Its own duration ends at a sample, not at the last answer.
  running.on('response', () => {
    endedAt = Date.now();
  });
  const result = await running;
  const bad = result.non2xx + result.errors + result.timeouts;
  if (bad > 0 || result['2xx'] !== given.amount)
    throw new Error(`${bad} of ${given.amount} were not accepted: ${JSON.stringify(result.statusCodeStats)}`);
  return { startedAt, endedAt, p50: result.latency.p50, p99: result.latency.p99 };
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
