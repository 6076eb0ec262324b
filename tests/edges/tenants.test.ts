// Tenants through the operator's routes: what may be asked, what is refused and how, and that secrets stay secret.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EdgeApp, openEdgeApp, operatorToken } from './edge-app.ts';

let app: EdgeApp;
beforeAll(async () => {
  app = await openEdgeApp('tenants');
});
afterAll(() => app?.close());

const create = (json: object) => app.call('POST', '/operator/tenants', { json });
const stripe = { secretKey: 'sk_live_stripe_secret', webhookSecret: 'whsec_stripe_secret' };
const pack = { id: 'small', name: 'A handful', coins: 100, price: 99 };

describe('a new tenant', () => {
  test('is answered with its defaults and its one secret key, and can be read again without it', async () => {
    const answer = await create({ slug: 'first', name: ' First Platform ' });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe('/operator/tenants/first');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { tenant, secretKey } = await answer.json();
    expect(secretKey).toMatch(/^sk_first_[\w-]{43}$/);
    expect(tenant).toMatchObject({
      slug: 'first',
      name: 'First Platform',
      status: 'active',
      coin: { code: 'COIN', name: 'Coin', symbol: '🪙' },
      settings: { packs: [], coinPrice: { price: 1, coins: 1, currency: 'usd' } },
      providers: {},
    });
    const read = await app.call('GET', '/operator/tenants/first');
    expect(await read.json()).toEqual(tenant);
    expect(await app.services.tenants.findKey(secretKey)).toMatchObject({ tenant: 'first' });
  });

  test('is there whole in less than a second', async () => {
    const startedAt = performance.now();
    expect((await create({ slug: 'quick', name: 'Quick' })).status).toBe(201);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test('takes a coin, settings and sealed credentials, of which only their presence is shown', async () => {
    const settings = { packs: [pack], passwordLengthMin: 12, providers: { stripe } };
    const answer = await create({
      slug: 'shop',
      name: 'Shop',
      coin: { code: 'GEM', name: 'Gem', symbol: '💎' },
      settings,
    });
    const text = await answer.text();
    expect(answer.status).toBe(201);
    expect(JSON.parse(text).tenant).toMatchObject({
      coin: { code: 'GEM' },
      settings: { packs: [{ ...pack, currency: 'usd' }], passwordLengthMin: 12 },
      providers: { stripe: { configured: true } },
    });
    expect(text).not.toContain('stripe_secret');
  });

  test('keeps its slug for good: taken while it lives and after it was deleted', async () => {
    await create({ slug: 'taken', name: 'Taken' });
    expect(await problemOf(await create({ slug: 'taken', name: 'Other' }))).toEqual([409, 'tenant_exists']);
    expect((await app.call('DELETE', '/operator/tenants/taken')).status).toBe(204);
    expect(await problemOf(await create({ slug: 'taken', name: 'Other' }))).toEqual([409, 'tenant_exists']);
    expect(await problemOf(await app.call('GET', '/operator/tenants/taken'))).toEqual([
      404,
      'tenant_not_found',
    ]);
  });

  test('asked for ten times at once is made once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => create({ slug: 'race', name: 'Race' })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, ...Array(9).fill(409)]);
  });
});

describe('a change', () => {
  test('of one setting leaves all others as they were', async () => {
    await create({
      slug: 'merge',
      name: 'Merge',
      settings: { packs: [pack], checkoutMinutes: 45, providers: { stripe } },
    });
    const paypal = { clientId: 'id', clientSecret: 'paypal_secret', webhookId: 'hook' };
    const answer = await app.call('PATCH', '/operator/tenants/merge', {
      json: { settings: { passwordLengthMin: 10, providers: { paypal } } },
    });
    expect(await answer.json()).toMatchObject({
      name: 'Merge',
      settings: { packs: [{ id: 'small' }], checkoutMinutes: 45, passwordLengthMin: 10 },
      providers: { stripe: { configured: true }, paypal: { configured: true } },
    });
    const removed = await app.call('PATCH', '/operator/tenants/merge', {
      json: { settings: { providers: { stripe: null } } },
    });
    expect((await removed.json()).providers).toEqual({ paypal: { configured: true } });
  });

  test('is seen at once by whoever looks the tenant up', async () => {
    await create({ slug: 'cached', name: 'Cached' });
    expect((await app.services.tenants.find('cached'))?.status).toBe('active');
    await app.call('PATCH', '/operator/tenants/cached', { json: { status: 'suspended' } });
    expect((await app.services.tenants.find('cached'))?.status).toBe('suspended');
    await app.call('PATCH', '/operator/tenants/cached', { json: { status: 'active', name: 'Back' } });
    expect(await app.services.tenants.find('cached')).toMatchObject({ status: 'active', name: 'Back' });
  });

  test('is in the audit by the names of its fields, without their values', async () => {
    await create({ slug: 'audited', name: 'Audited' });
    await app.call('PATCH', '/operator/tenants/audited', {
      json: { name: 'New', settings: { providers: { stripe } } },
    });
    await app.call('DELETE', '/operator/tenants/audited');
    const { rows } = await app.services.db.app.query(
      "select action, actor, detail from coinlane.audit where tenant = 'audited' order by id",
    );
    expect(rows.map((row) => row.action)).toEqual(['tenant.create', 'tenant.change', 'tenant.delete']);
    expect(rows[1]).toMatchObject({
      actor: 'operator:token',
      detail: { fields: ['name', 'settings.providers.stripe'] },
    });
  });
});

describe('the list of tenants', () => {
  test('comes in pages that together name each of them once', async () => {
    for (const slug of ['zz-a', 'zz-b', 'zz-c']) await create({ slug, name: slug });
    const slugs: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const answer = await app.call('GET', `/operator/tenants?limit=2${cursor && `&cursor=${cursor}`}`);
      const page = (await answer.json()) as {
        data: { slug: string }[];
        hasMore: boolean;
        nextCursor: string | null;
      };
      expect(page.hasMore).toBe(page.nextCursor !== null);
      slugs.push(...page.data.map((tenant) => tenant.slug));
      cursor = page.nextCursor;
    }
    expect(slugs).toEqual([...new Set(slugs)].sort());
    expect(slugs).toEqual(expect.arrayContaining(['zz-a', 'zz-b', 'zz-c']));
    expect(slugs).not.toContain('taken');
  });

  test.each(['limit=0', 'limit=101', 'limit=many'])('refuses %s', async (query) => {
    expect(await problemOf(await app.call('GET', `/operator/tenants?${query}`))).toEqual([
      422,
      'invalid_input',
    ]);
  });

  test('takes a cursor that nobody gave out for what it is worth', async () => {
    expect((await app.call('GET', '/operator/tenants?cursor=AAAA%00')).status).toBe(200);
  });
});

const good = { slug: 'never-made', name: 'Never' };
const badBodies: [string, unknown, string][] = [
  ['nothing at all', {}, '/slug'],
  ['no name', { slug: 'no-name' }, '/name'],
  ['a slug that is a number', { ...good, slug: 7 }, '/slug'],
  ['a slug with capitals', { ...good, slug: 'Acme' }, '/slug'],
  ['a slug of one letter', { ...good, slug: 'a' }, '/slug'],
  ['a slug of 32 letters', { ...good, slug: 'a'.repeat(32) }, '/slug'],
  ['a slug that begins with a digit', { ...good, slug: '1st' }, '/slug'],
  ['a slug that is SQL', { ...good, slug: 'x"; drop schema coinlane; --' }, '/slug'],
  ['a slug with a line break', { ...good, slug: 'acme\n' }, '/slug'],
  ['an empty name', { ...good, name: '  ' }, '/name'],
  ['a name of 81 letters', { ...good, name: 'n'.repeat(81) }, '/name'],
  ['a name with a NUL', { ...good, name: 'a\0b' }, '/name'],
  ['a name with a lone surrogate', { ...good, name: 'a\ud800b' }, '/name'],
  ['an unknown field', { ...good, status: 'active' }, '/status'],
  ['a coin without a symbol', { ...good, coin: { code: 'GEM', name: 'Gem' } }, '/coin/symbol'],
  ['an unknown setting', { ...good, settings: { colour: 'red' } }, '/settings/colour'],
  ['settings that are a list', { ...good, settings: [] }, '/settings'],
  ['a password length of 7', { ...good, settings: { passwordLengthMin: 7 } }, '/settings/passwordLengthMin'],
  [
    'a pack for half a coin',
    { ...good, settings: { packs: [{ ...pack, coins: 0.5 }] } },
    '/settings/packs/0/coins',
  ],
  [
    'a pack name with a NUL',
    { ...good, settings: { packs: [{ ...pack, name: 'a\0' }] } },
    '/settings/packs/0/name',
  ],
  ['two packs of one id', { ...good, settings: { packs: [pack, pack] } }, '/settings/packs'],
  ['an unknown provider', { ...good, settings: { providers: { bank: {} } } }, '/settings/providers/bank'],
  [
    'half the credentials',
    { ...good, settings: { providers: { stripe: { secretKey: 's' } } } },
    '/settings/providers/stripe/webhookSecret',
  ],
];

describe('bad input', () => {
  test.each(badBodies)('%s is 422 and names its place', async (_name, json, pointer) => {
    const answer = await create(json as object);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const problem = await answer.json();
    expect([answer.status, problem.code]).toEqual([422, 'invalid_input']);
    expect(problem.errors.map((fault: { pointer: string }) => fault.pointer)).toContain(pointer);
    expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
  });

  test.each([
    [
      'malformed JSON',
      { body: '{"slug":', headers: { 'content-type': 'application/json' } },
      400,
      'malformed_request',
    ],
    [
      'a body of 64 KiB and more',
      { json: { ...good, name: 'n'.repeat(64 * 1024) } },
      413,
      'payload_too_large',
    ],
    [
      'a form',
      { body: 'slug=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    ['a body of no type', { body: new Blob(['{"slug":"x1"}']) }, 415, 'unsupported_media_type'],
    ['no token', { json: good, token: null }, 401, 'unauthenticated'],
    ['a wrong token', { json: good, token: `${operatorToken}x` }, 401, 'unauthenticated'],
    [
      'another scheme',
      { json: good, token: null, headers: { authorization: `Basic ${operatorToken}` } },
      401,
      'unauthenticated',
    ],
    [
      'a page of another origin',
      { json: good, headers: { origin: 'https://evil.test' } },
      403,
      'cross_origin',
    ],
  ])('%s is refused', async (_name, options, status, code) => {
    const answer = await app.call('POST', '/operator/tenants', options);
    expect(await problemOf(answer)).toEqual([status, code]);
    if (status === 401) expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  });

  test('left nothing behind', async () => {
    expect((await app.call('GET', '/operator/tenants/never-made')).status).toBe(404);
  });

  test.each([
    ['GET', '/operator/tenants/nobody'],
    ['PATCH', '/operator/tenants/nobody'],
    ['DELETE', '/operator/tenants/nobody'],
    ['GET', '/operator/tenants/nobody/integrity'],
    ['GET', '/operator/tenants/nobody/keys'],
    ['DELETE', '/operator/tenants/nobody/keys/0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77'],
    ['GET', '/operator/tenants/No%00body'],
    ['GET', `/operator/tenants/${'x'.repeat(500)}`],
  ])('%s %s is 404', async (method, path) => {
    const options = method === 'PATCH' ? { json: { name: 'x' } } : {};
    expect(await problemOf(await app.call(method, path, options))).toEqual([
      404,
      expect.stringMatching(/not_found$/),
    ]);
  });

  test.each([
    ['an unknown field', { slug: 'other' }],
    ['a status of no operator', { status: 'deleted' }],
    ['a null setting', { settings: { packs: null } }],
  ])('a change with %s is 422', async (_name, json) => {
    await create({ slug: 'patched', name: 'Patched' });
    expect(await problemOf(await app.call('PATCH', '/operator/tenants/patched', { json }))).toEqual([
      422,
      'invalid_input',
    ]);
  });
});

test('no secret is in any log line', async () => {
  const { secretKey } = await (
    await create({ slug: 'quiet', name: 'Quiet', settings: { providers: { stripe } } })
  ).json();
  await app.call('POST', '/operator/tenants', { json: good, token: `${operatorToken}-nearly` });
  await create({
    slug: 'quiet',
    name: 'Quiet',
    settings: { providers: { stripe: { secretKey: 'sk_only_half_given' } } },
  });
  const log = app.logLines.join('');
  expect(log).toContain('"path":"/operator/tenants"');
  for (const secret of [secretKey, operatorToken, 'stripe_secret', 'paypal_secret', 'sk_only_half_given']) {
    expect(log).not.toContain(secret);
  }
});

async function problemOf(answer: Response): Promise<[number, string]> {
  const { code } = await answer.json();
  return [answer.status, code];
}
