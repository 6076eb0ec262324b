// The start page, and a wallet that we host: a page per tenant over the public API, for platforms without their own.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { html } from 'hono/html';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps } from '../context.ts';
import { liveTenant } from '../middleware/caller.ts';
import { createRouter } from '../routes/router.ts';
import { renderNotice, renderPage } from './layout.ts';
import { renderWallet } from './wallet-page.ts';

const moduleNames = ['wallet-client.js', 'wallet-api.js', 'wallet-words.js', 'wallet-refund.js'];
const year = 365 * 24 * 3600;

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
    .update([...text.values()].join('\0'))
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
    </ul>
  </section>`;

export function hostedWalletRoutes(deps: ApiDeps) {
  const app = createRouter();
  const modules = readModules();

  app.get('/', (c) => renderPage(c, { title: 'Start', main: startPage }));

  app.get('/w', (c) => {
    const slug = (c.req.query('tenant') ?? '').trim().toLowerCase();
    return c.redirect(slug === '' ? '/' : `/w/${encodeURIComponent(slug)}`, 302);
  });

  app.get('/w/:tenant', async (c) => {
    try {
      const tenant = await liveTenant(deps.tenants, c.req.param('tenant'));
      const configured = ['stripe', 'paypal'].filter((name) => tenant.sealed[name] !== undefined);
      const providers = [...configured, ...(deps.config.production ? [] : ['sandbox'])];
      return renderWallet(c, { tenant, providers, assets: `/assets/${(await modules).version}` });
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error;
      const text =
        error.code === 'tenant_suspended'
          ? 'This wallet is closed at the moment. Nothing in it is lost.'
          : 'Look at the address: there is no platform of this name here.';
      return renderNotice(c, error.status as 404, error.title, text);
    }
  });

  app.get('/assets/:version/:name', async (c) => {
    const { version, text } = await modules;
    const module = c.req.param('version') === version ? text.get(c.req.param('name')) : undefined;
    if (module === undefined) return c.notFound();
    c.header('Cache-Control', `public, max-age=${year}, immutable`);
    c.header('X-Content-Type-Options', 'nosniff');
    return c.body(module, 200, { 'Content-Type': 'text/javascript; charset=utf-8' });
  });
  return app;
}
