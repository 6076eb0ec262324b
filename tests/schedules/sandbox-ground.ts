// A sandbox tenant with one user, whose clock a story moves, and who waits until all that was due is done.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type Answer, call, eventually, registerUser, type TestUser } from '#tests/support/client.ts';
import { operatorToken, type System, uniqueSlug } from '#tests/support/system.ts';

export interface Sandbox {
  slug: string;
  key: string;
  user: TestUser;
  post(
    path: string,
    body?: unknown,
    options?: { key?: string; wait?: number; token?: string },
  ): Promise<Answer>;
  get(path: string, token?: string): Promise<Answer>;
  /** Moves the clock and waits until what is due by it is done. @returns its time */
  advance(body: { seconds: number } | { to: string }): Promise<string>;
  /** Until nothing is due. */
  idle(): Promise<void>;
  now(): Promise<number>;
  /** Kinds and signed amounts, the oldest first. */
  history(): Promise<[string, number][]>;
  balance(): Promise<number>;
}

export async function openSandbox({ url }: System): Promise<Sandbox> {
  const slug = uniqueSlug('clock');
  const made = await call('POST', `${url}/operator/tenants`, {
    token: operatorToken,
    body: { slug, name: slug, sandbox: true },
  });
  expect([made.status, made.body.tenant?.sandbox]).toEqual([201, true]);
  const key: string = made.body.secretKey;
  const user = await registerUser(url, { slug, secretKey: key });
  const get: Sandbox['get'] = (path, token = key) => call('GET', `${url}${path}`, { token });
  const post: Sandbox['post'] = (path, body, options = {}) =>
    call('POST', `${url}${path}`, { token: key, key: randomUUID(), body, ...options });
  const idle = async () => {
    await eventually('nothing is due', async () => {
      const { body } = await get('/test-clock');
      return body.running === false;
    });
  };
  return {
    ...{ slug, key, user, post, get, idle },
    async advance(body) {
      const moved = await post('/test-clock/advance', body);
      expect(moved.status, JSON.stringify(moved.body)).toBe(200);
      await idle();
      return moved.body.now;
    },
    now: async () => Date.parse((await get('/test-clock')).body.now),
    async history() {
      const { body } = await get(`/wallet/transactions?userId=${user.id}&limit=100`);
      return body.data.map((line: { kind: string; amount: number }) => [line.kind, line.amount]).reverse();
    },
    balance: async () => (await get(`/wallet/balance?userId=${user.id}`)).body.balance,
  };
}
