// Reads real log lines, of one logger and of whole processes at their most talkative: no secret is ever in them.
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { call, createTenant, grant, registerUser } from '#tests/support/client.ts';
import { cloneDatabase, testSecretKey } from '#tests/support/database.ts';
import { startOwnRedis } from '#tests/support/own-redis.ts';
import { startApi, startWorker, stopAll } from '#tests/support/processes.ts';
import { startSmtp } from '#tests/support/smtp.ts';
import { operatorToken, testSettings } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { createLog, withoutBlanking } from './log.ts';

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

function record(): { log: ReturnType<typeof createLog>; text(): string } {
  const lines: string[] = [];
  return {
    log: createLog('trace', 'test', { write: (line) => void lines.push(line) }),
    text: () => lines.join(''),
  };
}

describe('a logger', () => {
  test('blanks what is called a secret, at the top and two levels below', () => {
    const { log, text } = record();
    const secrets = {
      password: 'sesame-1',
      accessToken: 'sesame-2',
      refreshToken: 'sesame-3',
      token: 'sesame-4',
      secretKey: 'sesame-5',
      authorization: 'Bearer sesame-6',
      cookie: 'session=sesame-7',
      newPassword: 'sesame-8',
      webhookSecret: 'sesame-9',
    };
    log.info({ ...secrets, body: secrets, request: { headers: secrets } }, 'all of it');
    log.child({ headers: secrets }).warn({ name: 'Ada' }, 'a child');
    expect(text()).not.toContain('sesame');
    expect(text().match(/\[redacted\]/g)).toHaveLength(4 * Object.keys(secrets).length);
    expect(text()).toContain('Ada');
  });

  test('can leave that out for lines whose fields are known, and writes them as before', () => {
    const { log, text } = record();
    withoutBlanking(log).info({ path: '/me', token: 'known' }, 'hello');
    log.info({ path: '/me', token: 'unknown' }, 'hello');
    const [open, blanked] = text()
      .trim()
      .split('\n')
      .map((line) => ({ ...JSON.parse(line), time: '' }));
    expect(open).toEqual({ ...blanked, token: 'known' });
    expect(blanked.token).toBe('[redacted]');
  });

  test('tells what an error was, and not on which connection or with which arguments', () => {
    const { log, text } = record();
    const inner = Object.assign(new Error('NOAUTH'), { command: { name: 'auth', args: ['sesame'] } });
    const connection = { password: 'sesame', options: { password: { deep: 'sesame' } } };
    const outer = Object.assign(new Error('no node answers', { cause: inner }), {
      client: { connectionParameters: connection },
      connection,
      lastNodeError: inner,
      code: 'ECONNREFUSED',
    });
    log.error({ err: outer }, 'failed');
    log.error({ err: new AggregateError([inner, outer], 'several') }, 'failed');
    log.error({ err: Object.assign(new Error('535'), { command: 'AUTH PLAIN' }) }, 'mail');
    expect(text()).not.toContain('sesame');
    for (const told of ['no node answers', 'NOAUTH', 'ECONNREFUSED', '"auth"', 'AUTH PLAIN', 'log.test.ts']) {
      expect(text()).toContain(told);
    }
  });

  test('writes a line of JSON with the time, the level and who says it', () => {
    const { log, text } = record();
    log.info({ tenant: 'acme' }, 'hello');
    expect(JSON.parse(text())).toEqual({
      level: 30,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      name: 'test',
      pid: process.pid,
      tenant: 'acme',
      msg: 'hello',
    });
  });
});

const missing = process.env.TEST_REDIS_URL ? undefined : 'there is no redis-server';

test.skipIf(missing)(
  'processes that trace everything never write a secret',
  { timeout: 60_000 },
  async () => {
    const redis = await startOwnRedis();
    cleanUps.push(() => redis.stop());
    const guard = new Redis(redis.url);
    await guard.config('SET', 'requirepass', 'right-redis-password');
    guard.disconnect();
    // Asks for a login and refuses it, so that the failure is logged too.
    const smtp = await startSmtp({ refuseLogin: true });
    cleanUps.push(() => smtp.close());
    const database = await cloneDatabase('log_secrets');
    cleanUps.push(() => database.drop());
    const withLogin = (url: string, login: string) => url.replace('://', `://${login}@`);
    const settings = {
      ...testSettings(database.url, 0, { name: 'postgres', redisUrls: [] }),
      LOG_LEVEL: 'trace',
      SMTP_URL: withLogin(smtp.url, 'mailer:smtp-password-1'),
    };
    const [api, worker, lost] = await Promise.all([
      startApi(settings),
      startWorker(settings),
      startApi({ ...settings, REDIS_URL: withLogin(redis.url, ':wrong-redis-password') }),
    ]);
    cleanUps.push(() => stopAll([api, worker, lost]));

    const { url } = api;
    const tenant = await createTenant(url, 'loggers', {
      providers: { stripe: { secretKey: 'sk_live_stripe-secret', webhookSecret: 'whsec_stripe-secret' } },
    });
    const user = await registerUser(url, tenant);
    const credentials = { email: user.email, password: 'correct horse battery' };
    const login = await call('POST', `${url}/login`, { tenant: tenant.slug, body: credentials });
    const wrong = { ...credentials, password: 'wrong horse battery' };
    expect((await call('POST', `${url}/login`, { tenant: tenant.slug, body: wrong })).status).toBe(401);
    const refreshToken: string = login.body.refreshToken;
    const refreshed = await call('POST', `${url}/token/refresh`, { body: { refreshToken } });
    expect(refreshed.status).toBe(200);
    expect((await grant(url, tenant, user.id, 100)).status).toBe(201);
    const key = `idempotency-${randomUUID()}`;
    const body = { amount: 5 };
    const spent = await call('POST', `${url}/wallet/spend`, {
      token: login.body.accessToken,
      key,
      wait: 10,
      body,
    });
    expect(spent.status).toBe(201);
    const made = await call('POST', `${url}/operator/tenants/${tenant.slug}/keys`, {
      token: operatorToken,
      body: { name: 'second', scopes: ['read'] },
    });
    for (const token of ['broken.access.token', 'sk_loggers_broken-secret-key']) {
      expect((await call('GET', `${url}/profile?token=${token}`, { token })).status).toBe(401);
    }
    expect(
      (await call('POST', `${url}/login`, { tenant: tenant.slug, body: '{"password":"half' })).status,
    ).toBe(400);
    expect((await call('GET', `${lost.url}/wallet/balance`, { token: tenant.secretKey })).status).toBe(422);

    await until('a refused mail', () => worker.output().includes('535'));
    await until('a refused Redis', () => lost.output().includes('WRONGPASS'));
    await stopAll([api, worker, lost]);
    const text = [api, worker, lost].map((each) => each.output()).join('');
    expect(text.match(/"msg":"request"/g)?.length).toBeGreaterThan(8);
    expect(text).toContain(tenant.slug);
    // The passwords of the logins in Postgres are derived from the key.
    const keyring = createKeyring([testSecretKey]);
    const derived = ['database-login', 'queue-login'].map((purpose) =>
      keyring.derive(purpose).toString('hex'),
    );
    const secrets = [
      ...[
        credentials.password,
        wrong.password,
        '"half',
        login.body.accessToken,
        user.token,
        user.refreshToken,
      ],
      ...[refreshToken, refreshed.body.accessToken, refreshed.body.refreshToken, 'broken.access.token'],
      ...[tenant.secretKey, made.body.secretKey, 'broken-secret-key', operatorToken, testSecretKey],
      ...['right-redis-password', 'wrong-redis-password', 'smtp-password-1', 'stripe-secret'],
      ...[btoa('\0mailer\0smtp-password-1'), ...derived, 'Bearer '],
    ];
    expect(secrets.every((secret) => secret.length > 4)).toBe(true);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  },
);
