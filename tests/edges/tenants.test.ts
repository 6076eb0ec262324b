// Tenants through the operator's routes: made once, changed in part, listed in pages, gone for good.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type EdgeApp, openEdgeApp } from './edge-app.ts';

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
    const took: number[] = [];
    for (const slug of ['quick-a', 'quick-b', 'quick-c']) {
      const startedAt = performance.now();
      expect((await create({ slug, name: 'Quick' })).status).toBe(201);
      took.push(performance.now() - startedAt);
    }
    // The best of three: other work on the machine is not what is measured.
    expect(Math.min(...took)).toBeLessThan(1000);
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
      const page = await answer.json();
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

async function problemOf(answer: Answer): Promise<[number, string]> {
  const { code } = await answer.json();
  return [answer.status, code];
}
