// Providers and people who lie: states, nonces, tokens, redirects and answers that must not log anybody in.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestTenant } from '#tests/support/client.ts';
import type { Lie } from '../../scripts/attack/hostile-provider.ts';
import { openBrowser } from './browser.ts';
import {
  begin,
  clientSecret,
  type Ground,
  logIn,
  newFacebookPerson,
  newGooglePerson,
  openGround,
  openRoutes,
  passProvider,
  rowsOf,
} from './ground.ts';

let ground: Ground;
let acme: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  ground = await openGround('oauth_hostile', { PROVIDER_CALL_MS: '1000' });
  [acme, other] = await Promise.all([ground.addTenant(), ground.addTenant()]);
});
afterAll(() => ground?.close());
beforeEach(() => {
  ground.google.lie = 'none';
  ground.google.person = newGooglePerson();
  ground.facebook.person = newFacebookPerson();
});

const sessions = async () =>
  Number((await rowsOf(ground, `select count(*) from "tenant_${acme.slug}".sessions`))[0].count);
const cookieOf = (provider: string) => `coinlane_oauth_${provider}`;

test('the way to the provider carries PKCE, state and nonce, and our callback by PUBLIC_URL whatever Host says', async () => {
  const browser = openBrowser();
  const headers = { 'x-tenant': acme.slug, 'x-forwarded-host': 'evil.example' };
  const at = ground.system.url.replace('127.0.0.1', 'localhost');
  const first = await browser.visit(`${at}/oauth/google`, { headers });
  expect(first.status).toBe(302);
  const url = new URL(first.location);
  expect(url.origin + url.pathname).toBe(`${ground.google.url}/authorize`);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    redirect_uri: `${ground.system.url}/oauth/google/callback`,
    scope: 'openid email profile',
    state: expect.stringMatching(/^[\w-]{43}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    code_challenge_method: 'S256',
    client_id: 'our-client',
    response_type: 'code',
  });
  const [cookie = ''] = first.headers.getSetCookie();
  expect(cookie).toMatch(
    /^coinlane_oauth_google=v1\.[^;]+; Max-Age=600; Path=\/oauth; HttpOnly; SameSite=Lax$/,
  );
  expect(cookie).not.toContain(url.searchParams.get('state'));
});

test('behind TLS the cookie is for TLS, and for our own path', async () => {
  const { deps } = ground.system.api;
  const app = openRoutes({ ...deps, config: { ...deps.config, publicUrl: 'https://coins.example/base' } });
  const page = await app.request(`/oauth/facebook?tenant=${acme.slug}`);
  const uri = new URL(page.headers.get('location') ?? '').searchParams.get('redirect_uri');
  expect(uri).toBe('https://coins.example/base/oauth/facebook/callback');
  expect(page.headers.get('set-cookie')).toMatch(
    /; Max-Age=600; Path=\/base\/oauth; HttpOnly; Secure; SameSite=Lax$/,
  );
});

describe('36', () => {
  const backOf = async () => {
    const browser = openBrowser();
    const url = new URL(
      await passProvider(browser, await begin(ground, browser, 'google', { tenant: acme.slug })),
    );
    return { browser, url };
  };
  const expectInvalidState = async (page: { status: number; body: { code: string } }) =>
    expect([page.status, page.body.code]).toEqual([400, 'invalid_state']);

  test('36 a missing, doubled or foreign state is refused, and the login under way still ends well', async () => {
    const { browser, url } = await backOf();
    const before = await sessions();
    const without = new URL(url);
    without.searchParams.delete('state');
    await expectInvalidState(await browser.visit(without.href));
    await expectInvalidState(await browser.visit(`${url.href}&state=another`));
    const foreign = new URL(url);
    foreign.searchParams.set('state', (await backOf()).url.searchParams.get('state') ?? '');
    await expectInvalidState(await browser.visit(foreign.href));
    expect(await sessions()).toBe(before);
    expect((await browser.visit(url.href)).status).toBe(200);
  });

  test('36 a state counts in the browser that began only', async () => {
    const { url } = await backOf();
    await expectInvalidState(await openBrowser().visit(url.href));
  });

  test('36 a state counts once, also for two that come at the same time with the same cookie', async () => {
    const { browser, url } = await backOf();
    const cookies = [...browser.cookies];
    const twin = openBrowser();
    twin.cookies.push(...cookies);
    const pages = await Promise.all([browser.visit(url.href), twin.visit(url.href)]);
    expect(pages.map((page) => page.status).sort()).toEqual([200, 400]);
    expect(browser.cookies.filter(({ name }) => name === cookieOf('google'))).toEqual([]);
    browser.cookies.push(...cookies);
    await expectInvalidState(await browser.visit(url.href));
  });

  test('36 a state of another provider is refused, also with its cookie under the name of this one', async () => {
    const { browser, url } = await backOf();
    const at = url.href.replace('/oauth/google/', '/oauth/facebook/');
    await expectInvalidState(await browser.visit(at));
    const [cookie] = browser.cookies;
    browser.cookies.push({ ...cookie!, name: cookieOf('facebook') });
    await expectInvalidState(await browser.visit(at));
  });

  test('36 a state of another tenant is refused', async () => {
    const { browser, url } = await backOf();
    const theirs = openBrowser();
    await begin(ground, theirs, 'google', { tenant: other.slug });
    await expectInvalidState(await theirs.visit(url.href));
    await expectInvalidState(await browser.visit(url.href, { headers: { 'x-tenant': other.slug } }));
  });

  test('36 a cookie that was changed is refused', async () => {
    const { browser, url } = await backOf();
    const cookie = browser.cookies.find(({ name }) => name === cookieOf('google'))!;
    cookie.value = `${cookie.value.slice(0, -6)}AAAAAA`;
    await expectInvalidState(await browser.visit(url.href));
  });
});

describe('37', () => {
  const lies: Lie[] = [
    ...(['wrong nonce', 'no nonce', 'wrong audience', 'wrong issuer', 'expired'] as const),
    ...(['forged signature', 'algorithm none', 'signed with the client secret'] as const),
    ...(['no id token', 'foreign issuer parameter', 'error', 'access denied'] as const),
  ];
  test.each(lies)('37 %s: 400, no session and no account', async (lie) => {
    ground.google.lie = lie;
    const before = await sessions();
    const page = await logIn(ground, acme, 'google');
    expect([page.status, page.body.code]).toEqual([400, 'oauth_failed']);
    const made = `select 1 from "tenant_${acme.slug}".identities where subject = $1`;
    expect(await rowsOf(ground, made, [ground.google.person.sub])).toEqual([]);
    expect(await sessions()).toBe(before);
  });
});

describe('42', () => {
  test('42 a redirect of our token request is not followed: our secret goes nowhere else', async () => {
    ground.google.lie = 'redirect';
    const page = await logIn(ground, acme, 'google');
    expect([page.status, page.body.code]).toEqual([502, 'oauth_unavailable']);
    expect(ground.google.followed).toBe(0);
  });

  test.each<Lie>(['hang', 'hang in the body', 'huge', 'garbage', 'list'])(
    '42 a token endpoint that answers with %s is given up on',
    async (lie) => {
      ground.google.lie = lie;
      const page = await logIn(ground, acme, 'google');
      expect([page.status, page.body.code]).toEqual([502, 'oauth_unavailable']);
      expect(page.text).not.toContain(clientSecret);
    },
  );
});

test('Facebook’s word counts only with the app’s secret', async () => {
  const facebook = { clientId: '1234567890', clientSecret: 'not-the-secret' };
  const wrong = await ground.addTenant({ oauthClients: { facebook } });
  const page = await logIn(ground, wrong, 'facebook');
  expect([page.status, page.body.code]).toEqual([400, 'oauth_failed']);
  expect((await logIn(ground, acme, 'facebook')).status).toBe(200);
});

test('what a provider publishes about itself is read once, for all tenants', async () => {
  expect((await logIn(ground, other, 'google')).status).toBe(200);
  expect(ground.google.discoveries).toBe(1);
});

test('who comes with a browser reads a page, with the same status', async () => {
  const url = `${ground.system.url}/oauth/google/callback?state=x`;
  const page = await openBrowser().visit(url, { headers: { accept: 'text/html,*/*' } });
  expect([page.status, page.headers.get('content-type')]).toEqual([400, 'text/html; charset=UTF-8']);
});

test('tenants: without a name, with two, without a client, unknown providers', async () => {
  const visit = (path: string, headers = {}) =>
    openBrowser().visit(`${ground.system.url}${path}`, { headers });
  expect((await visit('/oauth/google')).body.code).toBe('tenant_required');
  const two = await visit(`/oauth/google?tenant=${acme.slug}`, { 'x-tenant': other.slug });
  expect(two.body.code).toBe('tenant_mismatch');
  expect((await visit(`/oauth/github?tenant=${acme.slug}`)).status).toBe(404);
  const bare = await ground.addTenant({ oauthClients: {} });
  const page = await visit(`/oauth/facebook?tenant=${bare.slug}`);
  expect([page.status, page.body.code]).toEqual([409, 'oauth_not_configured']);
});
