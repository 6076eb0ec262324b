// What is stored of a count, how it ends, and the rates of everything that is no login.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Limits } from '#api/limits/limits.ts';
import { deleteExpiredRateLimits } from '#shared/db/rate-limits.ts';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, registerUser } from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { address, from, outcomeOf, tally, tenantOf, times } from './ground.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let limits: Limits;
  beforeAll(async () => {
    const settings = { TRUSTED_PROXIES: '127.0.0.1' };
    system = await startSystem(`limits_counters_${backend.name}`, { backend, workers: false, settings });
    ({ limits } = system.api.deps);
  });
  afterAll(() => system?.close());

  const newTenant = async (rates: object = {}) => {
    const tenant = await createTenant(system.url, uniqueSlug('cnt'), { limits: rates });
    return { ...tenant, found: await tenantOf(system, tenant.slug) };
  };
  const storedKeys = async (): Promise<string[]> => {
    const { redis } = system.services.backend;
    if (redis) return redis.keys('*:limit:*');
    const { rows } = await system.services.db.owner.query('select key from coinlane.rate_limits');
    return rows.map((row) => row.key);
  };

  test('a key names the policy and the tenant, and nobody', async () => {
    const { slug, found } = await newTenant();
    await limits.login(from('203.0.113.77'), found, 'somebody@example.com');
    await limits.mail(from('203.0.113.77'), found, 'somebody@example.com');
    const keys = await storedKeys();
    const own = keys.filter((key) => key.includes(`:${slug}:`));
    expect(own.length).toBeGreaterThan(3);
    for (const key of keys)
      expect(key).toMatch(/^(\{coinlane-\d+\}:limit:)?[a-z-]+:[a-z0-9-]*:[0-9a-f]{32}$/);
  });

  test('one tenant’s counts are nothing to another', async () => {
    const [one, other] = await Promise.all([newTenant(), newTenant()]);
    const guess = (tenant: typeof one) => () =>
      limits.login(from(address(1)), tenant.found, 'same@example.com');
    expect(await tally(12, guess(one))).toEqual({ passed: 10, login: 2 });
    expect(await tally(12, guess(other))).toEqual({ passed: 10, login: 2 });
  });

  test('a rate that an operator changes holds for what was counted before', async () => {
    const { slug, found } = await newTenant({ registerPerAddress: { count: 5, seconds: 600 } });
    const register = (tenant: typeof found) => () => limits.register(from(address(2)), tenant);
    expect(await tally(4, register(found))).toEqual({ passed: 4 });
    await call('PATCH', `${system.url}/operator/tenants/${slug}`, {
      token: system.services.operatorToken,
      body: { settings: { limits: { registerPerAddress: { count: 2, seconds: 600 } } } },
    });
    const changed = await tenantOf(system, slug);
    expect(await tally(3, register(changed))).toEqual({ register: 3 });
    expect(await outcomeOf(limits.register(from(address(3)), changed))).toBe('passed');
  });

  test('a window ends by itself, and what was counted in it is not given back in the next', async () => {
    const { found } = await newTenant({ loginPerAddress: { count: 2, seconds: 3 } });
    const guess = () => limits.login(from(address(4)), found, 'window@example.com');
    const old = await guess();
    expect(await tally(3, guess)).toEqual({ passed: 1, 'login-address': 2 });
    await until('the window is over', async () => (await outcomeOf(guess())) === 'passed');
    await old.abandoned();
    expect(await tally(3, guess)).toEqual({ passed: 1, 'login-address': 2 });
  });

  test('26 one address is sent its rate of mails, the rest is left out in silence; who asks for many is refused', async () => {
    const { found } = await newTenant({ mailPerAddress: { count: 8, seconds: 600 } });
    const ask = (i: number, account: string) => limits.mail(from(address(i)), found, account);
    const sent = await Promise.all(times(20, (i) => ask(i, 'victim@example.com')));
    expect(sent.filter(Boolean)).toHaveLength(5);
    expect(await tally(10, (i) => ask(30, `user-${i}@example.com`))).toEqual({ passed: 8, mail: 2 });
    const { values } = await system.services.metrics.rateLimited.get();
    expect(values.find(({ labels }) => labels.policy === 'mail-account')?.value).toBe(15);
  });

  test('refreshes are told where they stand, and refused after the rate; bad tokens are told nothing', async () => {
    const tenant = await newTenant({ tokenPerAddress: { count: 3, seconds: 60 } });
    let { refreshToken } = await registerUser(system.url, tenant);
    const refresh = (token: string) =>
      call('POST', `${system.url}/token/refresh`, {
        body: { refreshToken: token },
        headers: { 'x-forwarded-for': address(40) },
      });
    const first = await refresh(refreshToken);
    expect(first.headers.get('ratelimit-policy')).toBe('"token";q=3;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"token";r=2;t=\d+$/);
    const gone = await registerUser(system.url, tenant);
    await call('POST', `${system.url}/logout`, { body: { refreshToken: gone.refreshToken } });
    const bad = await refresh(gone.refreshToken);
    expect([bad.status, bad.headers.get('ratelimit')]).toEqual([401, null]);
    ({ refreshToken } = first.body);
    expect((await refresh(refreshToken)).status).toBe(200);
    const refused = await refresh(refreshToken);
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('webhooks that are proven later: of one address beyond ten a second they are refused before they are stored', async () => {
    const { slug } = await createTenant(system.url, uniqueSlug('cnt'), {
      providers: { paypal: { clientId: 'client', clientSecret: 'secret', webhookId: 'webhook' } },
    });
    const post = async (at: string, id: string) => {
      const headers = {
        'x-forwarded-for': at,
        'paypal-auth-algo': 'SHA256withRSA',
        'paypal-cert-url': 'https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1',
        'paypal-transmission-id': id,
        'paypal-transmission-sig': 'AAAA',
        'paypal-transmission-time': new Date().toISOString(),
      };
      const body = { id, event_type: 'CHECKOUT.ORDER.APPROVED' };
      return (await call('POST', `${system.url}/webhooks/paypal/${slug}`, { body, headers })).status;
    };
    const flood = () => limits.webhook(from('203.0.113.90'), slug, 'paypal');
    expect(await tally(605, flood)).toEqual({ passed: 600, webhook: 5 });
    expect(await post('203.0.113.90', 'WH-1')).toBe(429);
    expect(await post('203.0.113.91', 'WH-2')).toBe(200);
    const stored = 'select event_id from coinlane.provider_events where tenant = $1';
    const { rows } = await system.services.db.owner.query(stored, [slug]);
    expect(rows).toEqual([{ event_id: 'WH-2' }]);
  });

  // Redis forgets by itself.
  if (backend.name === 'redis') return;
  test('counts that ended are deleted by the role of the app, others stay', async () => {
    const { owner, app } = system.services.db;
    await owner.query(
      `insert into coinlane.rate_limits values ('old', 1, (extract(epoch from now()) * 1000)::bigint - 1),
        ('live', 1, (extract(epoch from now()) * 1000)::bigint + 60000)`,
    );
    expect(await deleteExpiredRateLimits(app)).toBeGreaterThan(0);
    const { rows } = await owner.query("select key from coinlane.rate_limits where key in ('old', 'live')");
    expect(rows).toEqual([{ key: 'live' }]);
  });
});
