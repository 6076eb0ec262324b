// The start page, and a wallet that we host: a page per tenant over the public API, for platforms without their own.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { html } from 'hono/html';
import { Problem, type ProblemCode } from '#shared/contracts/problem.ts';
import { oauthProviders, oauthSealName } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../context.ts';
import { servedTenant } from '../middleware/caller.ts';
import { createRouter } from '../routes/router.ts';
import { accountModules, accountRoutes, passkeyOrigin } from './account.ts';
import { renderNotice, renderPage } from './layout.ts';
import { libraryRoutes, readLibraryAddresses } from './library-modules.ts';
import { createStrengthModules, readStrengthVersions } from './strength-modules.ts';
import { renderWallet } from './wallet-page.ts';

const moduleNames = [
  ...['wallet-client.js', 'wallet-api.js', 'wallet-words.js', 'wallet-refund.js', 'wallet-origins.js'],
  ...['wallet-coins.js', 'wallet-send.js', 'wallet-shop.js', 'wallet-buy.js', 'wallet-top-up.js'],
  ...['wallet-sign-in.js', 'wallet-oauth.js', 'wallet-strength.js', 'wallet-passkey.js'],
  ...accountModules,
];
const year = 365 * 24 * 3600;
const script = { 'Content-Type': 'text/javascript; charset=utf-8' };

interface ClientModules {
  /** Changes with any of the files, and is part of their address: what a browser kept is never stale. */
  version: string;
  text: Map<string, string>;
}

async function readModules(): Promise<ClientModules> {
  const read = async (name: string) =>
    [name, await readFile(new URL(name, import.meta.url), 'utf8')] as const;
  const text = new Map(await Promise.all(moduleNames.map(read)));
  const version = createHash('sha256')
    .update([...text.values(), await readStrengthVersions()].join('\0'))
    .digest('hex')
    .slice(0, 12);
  return { version, text };
}

const startPage = html`<h1>Virtual coins for any platform</h1>
  <section class="card" aria-labelledby="wallet">
    <h2 id="wallet">Wallet</h2>
    <form class="grid" method="get" action="/w">
      <div>
        <label for="tenant">Which platform?</label>
        <input id="tenant" name="tenant" required placeholder="acme" autocapitalize="none" autocomplete="off"
          spellcheck="false" />
      </div>
      <div><button type="submit">Open the wallet</button></div>
    </form>
  </section>
  <section class="card" aria-labelledby="more">
    <h2 id="more">For operators and developers</h2>
    <ul class="list">
      <li><a href="/operator/">Operator console</a><span class="soft">tenants, queues, integrity</span></li>
      <li><a href="/docs">API reference</a><span class="soft">every route, offline too</span></li>
      <li><a href="/openapi.json">openapi.json</a><span class="soft">for generators</span></li>
      <li><span>Clients in one file: <a href="/clients/coinlane.ts">TypeScript</a>,
        <a href="/clients/coinlane.py">Python</a>, <a href="/clients/coinlane.go">Go</a></span></li>
    </ul>
  </section>`;

const unknownText = 'Look at the address: there is no platform of this name here.';
const closedTexts: Partial<Record<ProblemCode, string>> = {
  tenant_suspended: 'This wallet is closed at the moment. Nothing in it is lost.',
  address_refused: 'This wallet does not open from where you are. Nothing in it is lost.',
};

export function hostedWalletRoutes(deps: ApiDeps) {
  const app = createRouter();
  const modules = readModules();
  const libraries = readLibraryAddresses();
  let strength: ReturnType<typeof createStrengthModules> | undefined;

  app.route(
    '/',
    accountRoutes(
      deps,
      modules.then(({ version }) => `/assets/${version}`),
    ),
  );
  app.route('/', libraryRoutes());
  app.get('/', (c) => renderPage(c, { title: 'Start', main: startPage }));

  app.get('/w', (c) => {
    const slug = (c.req.query('tenant') ?? '').trim().toLowerCase();
    return c.redirect(slug === '' ? '/' : `/w/${encodeURIComponent(slug)}`, 302);
  });

  app.get('/w/:tenant', async (c) => {
    try {
      const tenant = await servedTenant(c, deps.tenants, c.req.param('tenant'));
      const configured = ['stripe', 'paypal'].filter((name) => tenant.sealed[name] !== undefined);
      const providers = [...configured, ...(deps.config.production ? [] : ['sandbox'])];
      const oauth = oauthProviders.filter((name) => tenant.sealed[oauthSealName(name)] !== undefined);
      const returnTo = `${deps.config.publicUrl}/w/${tenant.slug}`;
      const assets = `/assets/${(await modules).version}`;
      const passkeys = { passkeyOrigin: passkeyOrigin(deps), webauthn: (await libraries).webauthn };
      return renderWallet(c, { tenant, providers, oauth, returnTo, assets, ...passkeys });
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error;
      return renderNotice(c, error.status as 404, error.title, closedTexts[error.code] ?? unknownText);
    }
  });

  app.get('/assets/:version/:name', async (c) => {
    const { version, text } = await modules;
    const module = c.req.param('version') === version ? text.get(c.req.param('name')) : undefined;
    if (module === undefined) return c.notFound();
    c.header('Cache-Control', `public, max-age=${year}, immutable`);
    c.header('X-Content-Type-Options', 'nosniff');
    return c.body(module, 200, script);
  });

  // Loaded by whoever types a new password, and by nobody else.
  app.get('/assets/:version/strength/:path{.+}', async (c) => {
    const { version } = await modules;
    if (c.req.param('version') !== version) return c.notFound();
    strength ??= createStrengthModules(`/assets/${version}/strength`);
    const module = await strength(c.req.param('path'));
    if (module === undefined) return c.notFound();
    c.header('Cache-Control', `public, max-age=${year}, immutable`);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Vary', 'Accept-Encoding');
    if (!/\bgzip\b/.test(c.req.header('accept-encoding') ?? '')) {
      return c.body(new Uint8Array(module.text), 200, script);
    }
    return c.body(new Uint8Array(module.zipped), 200, { ...script, 'Content-Encoding': 'gzip' });
  });
  return app;
}
