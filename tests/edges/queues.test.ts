// Bull Board on both queue backends: shown to the operator, hidden from everybody else, changed from our own pages only.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type EdgeApp,
  type OwnRedis,
  openEdgeApp,
  operatorToken,
  origin,
  startOwnRedis,
} from './edge-app.ts';

const withoutRedis = !process.env.TEST_REDIS_URL;
const names = ['purchase', 'spend', 'refund', 'provider', 'email', 'webhook'];

describe.each(['Postgres', 'Redis'])('with the queues in %s', (backend) => {
  const skip = backend === 'Redis' && withoutRedis;
  const settings: Record<string, string> = {};
  let redis: OwnRedis | undefined;
  let app: EdgeApp;
  let cookie: string;
  beforeAll(async () => {
    if (skip) return;
    if (backend === 'Redis') {
      redis = await startOwnRedis();
      settings.REDIS_URL = redis.url;
    }
    app = await openEdgeApp(`queues_${backend}`, settings);
    const login = await app.call('POST', '/operator/login', {
      token: null,
      body: new URLSearchParams({ token: operatorToken }),
    });
    cookie = (login.headers.get('set-cookie') ?? '').split(';')[0]!;
  });
  afterAll(async () => {
    await app?.close();
    await redis?.stop();
  });

  test.skipIf(skip)('the board lists every queue, and a job with what it carries', async () => {
    const job = { tenant: 'acme', cause: 'welcome:1', template: 'welcome' as const, userId: 'u-1', data: {} };
    await app.services.producer.addEmail(job, 'welcome-1');
    const answer = await app.call(
      'GET',
      '/operator/queues/api/queues?activeQueue=email&status=waiting&page=1&jobsPerPage=10',
    );
    expect(answer.status).toBe(200);
    const { queues } = await answer.json();
    expect(queues.map((queue) => queue.name).sort()).toEqual([...names].sort());
    const email = queues.find((queue) => queue.name === 'email');
    expect(email?.counts.waiting).toBe(1);
    expect(email?.jobs).toMatchObject([{ name: 'welcome', data: job }]);
    expect((await app.call('GET', '/operator/queues/api/redis/stats')).status).toBe(200);
  });

  test.skipIf(skip)('its page and its files come from here and from nowhere else', async () => {
    const answer = await app.call('GET', '/operator/queues');
    const page = await answer.text();
    expect(page).toContain('Coinlane queues');
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    const files = [...page.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map((match) => match[1]);
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      expect((await app.call('GET', `/operator/queues/${file}`)).status, file).toBe(200);
      expect((await app.call('GET', `/operator/queues/${file}`, { token: null })).status, file).toBe(401);
    }
  });

  test.skipIf(skip)('nobody without the login sees anything; a browser is sent to the login', async () => {
    for (const path of ['/operator/queues', '/operator/queues/api/queues', '/operator/queues/queue/spend']) {
      const answer = await app.call('GET', path, { token: null });
      expect([answer.status, (await answer.json()).code]).toEqual([401, 'unauthenticated']);
      const visit = await app.call('GET', path, { token: null, headers: { accept: 'text/html' } });
      expect([visit.status, visit.headers.get('location')]).toEqual([
        302,
        `/operator/login?next=${encodeURIComponent(path)}`,
      ]);
    }
    const pause = await app.call('PUT', '/operator/queues/api/queues/spend/pause', { token: null });
    expect(pause.status).toBe(401);
  });

  test.skipIf(skip)('a change is made for our own page and refused for any other', async () => {
    const pause = async (headers: Record<string, string | undefined>) => {
      const answer = await app.call('PUT', '/operator/queues/api/queues/spend/pause', {
        token: null,
        headers: { cookie, ...headers },
      });
      return [answer.status, await app.services.producer.queue('spend', 0).isPaused()];
    };
    for (const headers of [
      {},
      { origin: 'https://evil.test' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' },
      { 'sec-fetch-site': 'same-site', origin },
    ]) {
      expect(await pause(headers), JSON.stringify(headers)).toEqual([403, false]);
    }
    expect(await pause({ origin })).toEqual([200, true]);
    await app.services.producer.queue('spend', 0).resume();
    expect(await pause({ 'sec-fetch-site': 'same-origin' })).toEqual([200, true]);
    await app.services.producer.queue('spend', 0).resume();
  });

  test.skipIf(skip)('two shards of a queue are told apart', async () => {
    const sharded = await openEdgeApp(`shards_${backend}`, { ...settings, QUEUE_SHARDS: '2' });
    try {
      const { queues } = await (await sharded.call('GET', '/operator/queues/api/queues')).json();
      expect(new Set(queues.map((queue) => queue.name)).size).toBe(2 * names.length);
    } finally {
      await sharded.close();
    }
  });
});
