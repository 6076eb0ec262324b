// A system whose Google and Facebook are stand-ins of ours, tenants with clients at both, and the steps of a login.
import { createHash, randomBytes } from 'node:crypto';
import type { ApiDeps } from '#api/context.ts';
import { answerProblem } from '#api/errors.ts';
import { oauthRoutes } from '#api/identity/oauth/routes.ts';
import { createRouter } from '#api/routes/router.ts';
import { backends } from '#tests/support/backends.ts';
import { createTenant, type TestTenant } from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { type FacebookStandIn, startFacebook } from '../../scripts/attack/facebook-stand-in.ts';
import { type HostileProvider, startHostileProvider } from '../../scripts/attack/hostile-provider.ts';
import { type Browser, openBrowser, type Page } from './browser.ts';

export type ProviderName = 'google' | 'facebook';

export const clientSecret = 'the-secret-of-every-client';
/** On the list of every tenant here; nobody listens there. */
export const platformUrl = 'https://platform.example/back?from=login';

export interface Ground {
  system: System;
  google: HostileProvider;
  facebook: FacebookStandIn;
  addTenant(settings?: object): Promise<TestTenant>;
  close(): Promise<void>;
}

export const oauthSettings = (extra: object = {}) => ({
  oauthClients: {
    google: { clientId: 'our-client', clientSecret },
    facebook: { clientId: '1234567890', clientSecret },
  },
  oauth: { redirects: [platformUrl] },
  ...extra,
});

export async function openGround(name: string, settings: Record<string, string> = {}): Promise<Ground> {
  const [google, facebook] = await Promise.all([
    startHostileProvider(clientSecret),
    startFacebook(clientSecret),
  ]);
  const system = await startSystem(name, {
    backend: backends[0]!,
    workers: false,
    settings: {
      GOOGLE_ISSUER_URL: google.url,
      FACEBOOK_GRAPH_URL: facebook.url,
      FACEBOOK_DIALOG_URL: facebook.url,
      // Refusals of providers are what is tested here, not news.
      LOG_LEVEL: 'silent',
      ...settings,
    },
  });
  return {
    system,
    google,
    facebook,
    addTenant: (extra) => createTenant(system.url, uniqueSlug(), oauthSettings(extra)),
    async close() {
      await system.close();
      await Promise.all([google.close(), facebook.close()]);
    },
  };
}

/** Routes of OAuth alone, on deps that differ from the system's in something. */
export function openRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.onError((error, c) => answerProblem(c, error));
  app.use(async (c, next) => {
    c.set('address', '192.0.2.7');
    await next();
  });
  return app.route('/', oauthRoutes(deps));
}

/** The first page of a login: our redirect to the provider. */
export function begin(
  { system }: Pick<Ground, 'system'>,
  browser: Browser,
  provider: ProviderName,
  query: Record<string, string>,
): Promise<Page> {
  return browser.visit(`${system.url}/oauth/${provider}?${new URLSearchParams(query)}`);
}

/** From our redirect through the provider to the address that leads back to us, not visited yet. */
export async function passProvider(browser: Browser, first: Page): Promise<string> {
  if (first.status !== 302) throw new Error(`the login began with ${first.status} ${first.text}`);
  return (await browser.visit(first.location)).location;
}

/** A whole login without a redirect; the page is the callback's answer. */
export async function logIn(
  ground: Ground,
  tenant: TestTenant,
  provider: ProviderName,
  browser: Browser = openBrowser(),
): Promise<Page> {
  const first = await begin(ground, browser, provider, { tenant: tenant.slug });
  return browser.visit(await passProvider(browser, first));
}

export function newPkce() {
  const codeVerifier = randomBytes(32).toString('base64url');
  return { codeVerifier, challenge: createHash('sha256').update(codeVerifier).digest('base64url') };
}

/** Somebody new at Google, with a proven address. */
export function newGooglePerson(email = `p${randomBytes(6).toString('hex')}@example.com`, verified = true) {
  return { sub: randomBytes(8).toString('hex'), email, email_verified: verified, name: 'Ada Lovelace' };
}

export function newFacebookPerson(email?: string) {
  return { id: randomBytes(8).toString('hex'), name: 'Ada Lovelace', ...(email ? { email } : {}) };
}

/** Rows of a table, as the owner of the database sees them. */
export async function rowsOf({ system }: Ground, text: string, values: unknown[] = []) {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into rows of many shapes
  return (await system.services.db.owner.query<any>(text, values)).rows;
}

/** Templates of the mails that a tenant's user is to get, in order. */
export async function mailsOf(ground: Ground, tenant: TestTenant, userId: string): Promise<string[]> {
  const rows = await rowsOf(
    ground,
    `select data->'job'->>'template' as template from pgboss.job
     where data->'job'->>'tenant' = $1 and data->'job'->>'userId' = $2 order by created_on`,
    [tenant.slug, userId],
  );
  return rows.map((row) => row.template);
}
