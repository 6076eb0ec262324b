// The page of the hosted wallet where users look after their account: who they are, how they log in, from where.
import { Problem } from '#shared/contracts/problem.ts';
import { oauthProviders, oauthSealName } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../context.ts';
import { relyingParty } from '../identity/factors/relying-party.ts';
import { servedTenant } from '../middleware/caller.ts';
import { createRouter } from '../routes/router.ts';
import { renderAccount } from './account-page.ts';
import { readLibraryAddresses } from './library-modules.ts';

/** Served with the scripts of the wallet, some of which they import. */
export const accountModules = [
  ...['account-client.js', 'account-form.js', 'account-words.js', 'account-confirm.js', 'account-profile.js'],
  ...['account-totp.js', 'account-passkeys.js', 'account-devices.js', 'account-logins.js', 'account-data.js'],
  'account-qr.js',
];

/** Where browsers take passkeys of ours; null: nowhere, because PUBLIC_URL has no name. */
export function passkeyOrigin(deps: ApiDeps): string | null {
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
  const libraries = readLibraryAddresses();

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
        libraries: await libraries,
      });
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error;
      // The wallet says why it does not open, and so does its account.
      return c.redirect(`/w/${encodeURIComponent(slug)}`, 302);
    }
  });
  return app;
}
