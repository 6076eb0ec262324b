// The page of the hosted wallet where users look after their account: who they are, how they log in, from where.
import { readFile } from 'node:fs/promises';
import { Problem } from '#shared/contracts/problem.ts';
import { oauthProviders, oauthSealName } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../context.ts';
import { relyingParty } from '../identity/factors/relying-party.ts';
import { servedTenant } from '../middleware/caller.ts';
import { createRouter } from '../routes/router.ts';
import { renderAccount } from './account-page.ts';

/** Served with the scripts of the wallet, some of which they import. */
export const accountModules = [
  ...['account-client.js', 'account-form.js', 'account-words.js', 'account-confirm.js', 'account-profile.js'],
  ...['account-totp.js', 'account-passkeys.js', 'account-devices.js', 'account-logins.js', 'account-data.js'],
];

/** The library that talks with authenticators, as ES modules that import each other by relative paths. */
const webauthn = new URL('.', import.meta.resolve('@simplewebauthn/browser'));
const webauthnPath = /^(?:[\w-]+\/)*[\w-]+\.js$/;

async function readWebauthnVersion(): Promise<string> {
  const manifest = await readFile(new URL('../package.json', webauthn), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Where browsers take passkeys of ours; null: nowhere, because PUBLIC_URL has no name. */
function passkeyOrigin(deps: ApiDeps): string | null {
  try {
    return relyingParty(deps).origin;
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}

/** `assets`: where the scripts of the wallet are. */
export function accountRoutes(deps: ApiDeps, assets: Promise<string>) {
  const app = createRouter();
  const webauthnVersion = readWebauthnVersion();

  app.get('/w/:tenant/account', async (c) => {
    const slug = c.req.param('tenant');
    try {
      const tenant = await servedTenant(c, deps.tenants, slug);
      return renderAccount(c, {
        tenant,
        oauth: oauthProviders.filter((name) => tenant.sealed[oauthSealName(name)] !== undefined),
        address: `${deps.config.publicUrl}/w/${tenant.slug}/account`,
        passkeyOrigin: passkeyOrigin(deps),
        assets: await assets,
        webauthn: `/assets/webauthn/${await webauthnVersion}`,
      });
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error;
      // The wallet says why it does not open, and so does its account.
      return c.redirect(`/w/${encodeURIComponent(slug)}`, 302);
    }
  });

  // Loaded by whoever uses a passkey, and by nobody else.
  app.get('/assets/webauthn/:version/:path{.+}', async (c) => {
    const path = c.req.param('path');
    if (c.req.param('version') !== (await webauthnVersion) || !webauthnPath.test(path)) return c.notFound();
    const text = await readFile(new URL(path, webauthn), 'utf8').catch(() => undefined);
    if (text === undefined) return c.notFound();
    c.header('Cache-Control', `public, max-age=${365 * 24 * 3600}, immutable`);
    c.header('X-Content-Type-Options', 'nosniff');
    return c.body(text, 200, { 'Content-Type': 'text/javascript; charset=utf-8' });
  });
  return app;
}
