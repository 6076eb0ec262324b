// Logins at real OpenID providers over real HTTP: the certified server of `oidc-provider`, and the Google of `emulate`.
import { createServer, type Server } from 'node:http';
import { createEmulator, type Emulator } from 'emulate';
import OidcProvider from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, type TestTenant } from '#tests/support/client.ts';
import { freePort } from '#tests/support/ports.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { type Browser, openBrowser, type Page } from './browser.ts';
import { clientSecret, newPkce, oauthSettings, platformUrl } from './ground.ts';

let system: System;
let tenant: TestTenant;

async function start(name: string, port: number, issuer: string): Promise<void> {
  system = await startSystem(name, {
    backend: backends[0]!,
    workers: false,
    settings: { PORT: String(port), GOOGLE_ISSUER_URL: issuer },
  });
  tenant = await createTenant(system.url, uniqueSlug(), oauthSettings());
}

const begin = (browser: Browser, query: Record<string, string> = {}) =>
  browser.visit(`${system.url}/oauth/google?${new URLSearchParams({ tenant: tenant.slug, ...query })}`);

/** Sends the form of a page as it stands, with what a person fills in. */
function submit(browser: Browser, page: Page, filled: Record<string, string>): Promise<Page> {
  const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1] ?? '';
  const hidden = [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  const form = { ...Object.fromEntries(hidden.map(([, name, value]) => [name, value])), ...filled };
  return browser.visit(new URL(action, page.url).href, { method: 'POST', body: new URLSearchParams(form) });
}

describe('oidc-provider', () => {
  let issuer: string;
  let server: Server;
  beforeAll(async () => {
    const [port, providerPort] = [await freePort(), await freePort()];
    issuer = `http://127.0.0.1:${providerPort}`;
    // It warns that it is no production server, which is true.
    const warnings = vi.spyOn(console, 'warn').mockReturnValue(undefined);
    const provider = new OidcProvider(issuer, {
      ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
      clients: [
        {
          client_id: 'our-client',
          client_secret: clientSecret,
          redirect_uris: [`http://127.0.0.1:${port}/oauth/google/callback`],
          token_endpoint_auth_method: 'client_secret_post',
        },
      ],
      pkce: { required: () => true },
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      // Google puts the address into the ID token.
      conformIdTokenClaims: false,
      findAccount: (_context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: `Person ${id}` }),
      }),
    });
    warnings.mockRestore();
    server = createServer(provider.callback());
    await new Promise<void>((resolve) => {
      server.listen(providerPort, '127.0.0.1', resolve);
    });
    await start('oauth_oidc', port, issuer);
  });
  afterAll(async () => {
    await system?.close();
    server?.closeAllConnections();
    server?.close();
  });

  /** Through the pages of the provider, as a person: login, then consent. @returns the address of our callback. */
  async function passProvider(browser: Browser, first: Page, login: string): Promise<string> {
    let page = await browser.follow(first, issuer);
    page = await browser.follow(await submit(browser, page, { login, password: 'any' }), issuer);
    if (page.location === '') page = await browser.follow(await submit(browser, page, {}), issuer);
    expect(page.location.startsWith(`${system.url}/oauth/google/callback?`)).toBe(true);
    return page.location;
  }

  test('a person logs in through its pages, twice, and is the same user', async () => {
    const browser = openBrowser();
    const back = await passProvider(browser, await begin(browser), 'ada');
    expect(new URL(back).searchParams.get('iss')).toBe(issuer);
    const page = await browser.visit(back);
    expect(page.status, page.text).toBe(200);
    expect(page.body.user).toMatchObject({
      email: 'ada@example.com',
      emailVerified: true,
      name: 'Person ada',
    });
    const other = openBrowser();
    const again = await other.visit(await passProvider(other, await begin(other), 'ada'));
    expect(again.body.user.id).toBe(page.body.user.id);
    const profile = await call('GET', `${system.url}/profile`, { token: again.body.accessToken });
    expect(profile.body).toMatchObject({ id: page.body.user.id, wallet: { balance: 0 } });
  });

  test('36 37 the state of one login and the code of another do not go together', async () => {
    const [one, two] = [openBrowser(), openBrowser()];
    const mine = new URL(await passProvider(one, await begin(one), 'eve'));
    const theirs = new URL(await passProvider(two, await begin(two), 'bob'));
    // The code of somebody else under my own state: PKCE makes the provider itself refuse it.
    const injected = new URL(mine);
    injected.searchParams.set('code', theirs.searchParams.get('code') ?? '');
    const page = await one.visit(injected.href);
    expect([page.status, page.body.code]).toEqual([400, 'oauth_failed']);
    // My code and state in another browser: a login that the other did not begin.
    const forced = await two.visit(mine.href);
    expect([forced.status, forced.body.code]).toEqual([400, 'invalid_state']);
  });

  test('an answer in the name of another issuer is refused (RFC 9207)', async () => {
    const browser = openBrowser();
    const back = new URL(await passProvider(browser, await begin(browser), 'carol'));
    back.searchParams.set('iss', 'https://accounts.example');
    const page = await browser.visit(back.href);
    expect([page.status, page.body.code]).toEqual([400, 'oauth_failed']);
  });

  test('a secret that the provider does not know is refused', async () => {
    const settings = { oauthClients: { google: { clientId: 'our-client', clientSecret: 'not-the-secret' } } };
    const wrong = await createTenant(system.url, uniqueSlug(), settings);
    const browser = openBrowser();
    const back = await passProvider(browser, await begin(browser, { tenant: wrong.slug }), 'dora');
    const page = await browser.visit(back);
    expect([page.status, page.body.code]).toEqual([400, 'oauth_failed']);
  });

  test('a platform redeems the code of its redirect', async () => {
    const browser = openBrowser();
    const { codeVerifier, challenge } = newPkce();
    const first = await begin(browser, { redirect_to: platformUrl, code_challenge: challenge });
    const { location } = await browser.visit(await passProvider(browser, first, 'ernie'));
    const code = new URL(location).searchParams.get('code');
    const answer = await call('POST', `${system.url}/oauth/token`, { body: { code, codeVerifier } });
    expect(answer.body.user).toMatchObject({ email: 'ernie@example.com', emailVerified: true });
  });
});

describe('the Google of emulate', () => {
  let google: Emulator;
  beforeAll(async () => {
    const port = await freePort();
    google = await createEmulator({
      service: 'google',
      port: 0,
      seed: {
        google: {
          users: [{ email: 'grace@example.com', name: 'Grace Hopper' }],
          oauth_clients: [
            {
              client_id: 'our-client',
              client_secret: clientSecret,
              name: 'Coinlane',
              redirect_uris: [`http://127.0.0.1:${port}/oauth/google/callback`],
            },
          ],
        },
      },
    });
    await start('oauth_emulate', port, google.url);
  });
  afterAll(async () => {
    await system?.close();
    await google?.close();
  });

  test('a person chooses the account on its page and is logged in, with nonce and PKCE', async () => {
    const browser = openBrowser();
    const page = await browser.follow(await begin(browser), google.url);
    expect(page.text).toContain('grace@example.com');
    const { location } = await submit(browser, page, {});
    const answer = await browser.visit(location);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body.user).toMatchObject({
      email: 'grace@example.com',
      name: 'Grace Hopper',
      emailVerified: true,
    });
  });
});
