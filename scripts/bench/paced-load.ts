// Spends at a given rate whatever the answers take, each timed from when it was due: so a stall counts for all it held up.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './figures.ts';

export interface PacedResult {
  p50: number;
  p99: number;
  count: number;
}

const timerMs = 2;

/**
 * Sends `perSecond` spends a second for so many seconds, or until `over`, with `Prefer: wait`, and takes the time of each until
 * its outcome is here.
 * @throws Error when one was not applied
 */
export async function paceSpends(
  url: string,
  tokens: string[],
  perSecond: number,
  seconds: number,
  over: () => boolean = () => false,
): Promise<PacedResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const times: number[] = [];
  const underWay: Promise<void>[] = [];
  const count = Math.round(perSecond * seconds);
  const started = performance.now();
  for (let sent = 0; sent < count && !over(); ) {
    const due = started + (sent * 1000) / perSecond;
    const ahead = due - performance.now();
    if (ahead >= 0.5) {
      await sleep(Math.max(1, Math.floor(ahead)));
      continue;
    }
    // A timer comes a millisecond late at best: only what is more than that was held up.
    const begun = ahead < -timerMs ? due : performance.now();
    const token = tokens[sent % tokens.length] ?? '';
    underWay.push(spend(agent, url, token).then(() => void times.push(performance.now() - begun)));
    sent += 1;
  }
  await Promise.all(underWay);
  agent.destroy();
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), count: times.length };
}

function spend(agent: Agent, url: string, token: string): Promise<void> {
  const body = '{"amount":1}';
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/wallet/spend`,
      {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': body.length,
          'idempotency-key': randomUUID(),
          prefer: 'wait=30',
        },
      },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        answer.once('end', () => {
          if (answer.statusCode === 201) resolve();
          else reject(new Error(`answered ${answer.statusCode}: ${text}`));
        });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
