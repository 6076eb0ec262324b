// From where a tenant serves whom, and how much of each: rules that hold on every route of it.
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, createTenant, registerUser, type TestTenant } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '#tests/support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('limits_requests', {
    backend: { name: 'postgres', redisUrls: [] },
    workers: false,
    settings: { TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' },
  });
});
afterAll(() => system?.close());

const office = '192.0.2.10';
const cafe = '198.51.100.20';

const at = (address: string) => ({ 'x-forwarded-for': address });
const change = async ({ slug }: TestTenant, settings: object) => {
  const url = `${system.url}/operator/tenants/${slug}`;
  expect((await call('PATCH', url, { token: operatorToken, body: { settings } })).status).toBe(200);
};
const newTenant = () => createTenant(system.url, uniqueSlug('rules'));

describe('52 GET /operator/address', () => {
  const see = (headers: Record<string, string | string[]>): Promise<{ address: string; network: string }> =>
    new Promise((resolve, reject) => {
      const url = `${system.url}/operator/address`;
      const sent = request(
        url,
        { headers: { authorization: `Bearer ${operatorToken}`, ...headers } },
        (answer) => {
          let text = '';
          answer.on('data', (part) => {
            text += part;
          });
          answer.on('end', () => resolve(JSON.parse(text)));
        },
      );
      sent.on('error', reject);
      sent.end();
    });

  test.each([
    [{}, '127.0.0.1', '127.0.0.1'],
    [{ 'x-forwarded-for': '6.6.6.6, 203.0.113.7:4711' }, '203.0.113.7', '203.0.113.7'],
    [{ 'x-forwarded-for': ['6.6.6.6', '[2001:DB8::7]:443', '10.1.1.1'] }, '2001:db8::7', '2001:db8:0:0::/64'],
  ])('says for %j what the limits see', async (headers, address, network) => {
    expect(await see(headers)).toMatchObject({ address, network });
  });

  test('is for operators', async () => {
    expect((await call('GET', `${system.url}/operator/address`)).status).toBe(401);
  });
});

/** Every way in which a request comes to belong to a tenant. */
async function doors(tenant: TestTenant, address: string): Promise<Record<string, Answer>> {
  const headers = at(address);
  const { slug } = tenant;
  const to = (method: string, path: string, options: object = {}) =>
    call(method, `${system.url}${path}`, { headers, ...options });
  const credentials = { email: 'nobody@example.com', password: 'correct horse battery' };
  const foreign = (prefix: string) => `${prefix}_${slug}_${'A'.repeat(43)}`;
  return {
    login: await to('POST', '/login', { tenant: slug, body: credentials }),
    register: await to('POST', '/register', { tenant: slug, body: { ...credentials, password: 'short' } }),
    verify: await to('POST', '/email/verify', { body: { token: foreign('vt') } }),
    verifyPage: await to('GET', `/verify-email?token=${foreign('vt')}`),
    keys: await to('GET', `/.well-known/jwks.json?tenant=${slug}`),
    page: await to('GET', `/w/${slug}`),
    platform: await to('GET', '/profile?userId=00000000-0000-7000-8000-000000000000', {
      token: tenant.secretKey,
    }),
  };
}
const refusedDoors = (answers: Record<string, Answer>) =>
  Object.keys(answers).filter((name) => answers[name]?.status === 403);

describe('IP rules', () => {
  const all = ['login', 'register', 'verify', 'verifyPage', 'keys', 'page', 'platform'];

  test('that allow an office close every door to others', async () => {
    const tenant = await newTenant();
    expect(refusedDoors(await doors(tenant, cafe))).toEqual([]);
    await change(tenant, { ipRules: { allow: ['192.0.2.0/24', '2001:db8::/32'] } });
    const outside = await doors(tenant, cafe);
    expect(refusedDoors(outside)).toEqual(all);
    expect(outside.login?.body).toMatchObject({ code: 'address_refused' });
    expect(JSON.stringify(outside.login?.body)).not.toContain(cafe);
    expect(refusedDoors(await doors(tenant, office))).toEqual([]);
    expect(refusedDoors(await doors(tenant, '::ffff:c000:20a'))).toEqual([]);
    expect(refusedDoors(await doors(tenant, '2001:db8::1'))).toEqual([]);
  });

  test('that deny an address do so where it is allowed, too', async () => {
    const tenant = await newTenant();
    await change(tenant, { ipRules: { allow: ['192.0.2.0/24'], deny: [office] } });
    expect(refusedDoors(await doors(tenant, office))).toEqual(all);
    expect(refusedDoors(await doors(tenant, '192.0.2.11'))).toEqual([]);
  });

  test('that deny all of IPv6 deny nobody on IPv4', async () => {
    const tenant = await newTenant();
    await change(tenant, { ipRules: { deny: ['::/0'] } });
    expect(refusedDoors(await doors(tenant, office))).toEqual([]);
    expect(refusedDoors(await doors(tenant, '2001:db8::1'))).toEqual(all);
  });

  test('for secret keys hold for these alone', async () => {
    const tenant = await newTenant();
    await change(tenant, { ipRules: { platform: [office] } });
    expect(refusedDoors(await doors(tenant, cafe))).toEqual(['platform']);
    expect(refusedDoors(await doors(tenant, office))).toEqual([]);
  });

  test('meet sessions that began before, refreshes and logouts', async () => {
    const tenant = await newTenant();
    const user = await registerUser(system.url, tenant);
    const profile = (address: string) =>
      call('GET', `${system.url}/profile`, { token: user.token, headers: at(address) });
    expect((await profile(cafe)).status).toBe(200);
    await change(tenant, { ipRules: { deny: [cafe] } });
    expect((await profile(cafe)).body.code).toBe('address_refused');
    expect((await profile(office)).status).toBe(200);
    for (const path of ['/token/refresh', '/logout']) {
      const body = { refreshToken: user.refreshToken };
      const answer = await call('POST', `${system.url}${path}`, { body, headers: at(cafe) });
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'address_refused']);
    }
    const body = { refreshToken: user.refreshToken };
    expect((await call('POST', `${system.url}/token/refresh`, { body, headers: at(office) })).status).toBe(
      200,
    );
  });

  test('are nothing to providers and operators', async () => {
    const tenant = await newTenant();
    await change(tenant, { ipRules: { allow: [office] } });
    const webhook = await call('POST', `${system.url}/webhooks/sandbox/${tenant.slug}`, {
      body: '{}',
      headers: at(cafe),
    });
    expect(webhook.body.code).toBe('invalid_signature');
    const view = `${system.url}/operator/tenants/${tenant.slug}`;
    expect((await call('GET', view, { token: operatorToken, headers: at(cafe) })).status).toBe(200);
  });
});

describe('requests', () => {
  test('of one caller beyond the rate are refused, of others not', async () => {
    const tenant = await newTenant();
    const [one, other] = [await registerUser(system.url, tenant), await registerUser(system.url, tenant)];
    const profile = (token: string) => call('GET', `${system.url}/profile`, { token });
    expect((await profile(one.token)).headers.get('ratelimit')).toBeNull();
    await change(tenant, { limits: { requestsPerCaller: { count: 5, seconds: 60 } } });
    const first = await profile(one.token);
    expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=5;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=4;t=\d+$/);
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => (await profile(one.token)).status),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(4);
    const refused = await profile(one.token);
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await profile(other.token)).status).toBe(200);
  });

  test('of one tenant beyond the rate are refused, and one caller alone cannot use it up', async () => {
    const tenant = await newTenant();
    const user = await registerUser(system.url, tenant);
    await change(tenant, {
      limits: { requestsPerCaller: { count: 3, seconds: 60 }, requestsPerTenant: { count: 5, seconds: 60 } },
    });
    const caller = (token: string) => async () => {
      const { status, headers } = await call('GET', `${system.url}/profile?userId=${user.id}`, { token });
      return status === 429 ? headers.get('ratelimit-policy')?.split(';')[0] : status;
    };
    const outcomes = async (count: number, ask: () => Promise<unknown>) => {
      const found: unknown[] = [];
      for (let i = 0; i < count; i += 1) found.push(await ask());
      return found;
    };
    expect(await outcomes(5, caller(user.token))).toEqual([200, 200, 200, '"requests"', '"requests"']);
    expect(await outcomes(3, caller(tenant.secretKey))).toEqual([200, 200, '"requests-tenant"']);
  });

  test('cost nothing where no rate is set', async () => {
    const tenant = await newTenant();
    const found = await system.services.tenants.find(tenant.slug);
    if (!found) throw new Error('no tenant');
    const caller = { type: 'platform' as const, tenant: found, keyId: 'k', scopes: new Set<string>() };
    // Not even a promise.
    expect(system.api.deps.limits.request(undefined as never, caller)).toBeUndefined();
  });
});
