// The console's page of a tenant's secret keys: create, rotate, revoke. A new secret is shown on the answer itself, once.
import type { Context } from 'hono';
import { listApiKeys } from '#shared/db/tenants.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { tenantPath } from './console-frame.ts';
import { createKey, type NewKey, newKeyInput, revokeKey, rotateInput, rotateKey } from './keys.ts';
import { renderKeys } from './keys-page.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { tenantBase as base, createPages, param, read } from './tenant-frame.ts';

export function keyConsoleRoutes(deps: ApiDeps) {
  const app = createRouter();
  const { page, show } = createPages(deps);
  const showKeys = async (c: Context<ApiEnv>, made?: NewKey) => {
    const { slug } = await requireTenantRow(deps, param(c, 'slug'));
    const keys = await listApiKeys(deps.db.app, slug);
    return show(c, 'keys', renderKeys(slug, keys, made), made ? { status: 201 } : {});
  };
  app.get(
    `${base}/keys`,
    page('keys', (c) => showKeys(c)),
  );
  app.post(
    `${base}/keys`,
    page('keys', async (c) => {
      const { slug } = await requireTenantRow(deps, param(c, 'slug'));
      const { name, scopes } = await c.req.parseBody({ all: true });
      const input = read(newKeyInput, { name, scopes: [scopes ?? []].flat() });
      return showKeys(c, await createKey(deps, slug, input, operatorName(c, deps)));
    }),
  );
  app.post(
    `${base}/keys/:id/rotate`,
    page('keys', async (c) => {
      const { slug } = await requireTenantRow(deps, param(c, 'slug'));
      const { overlapSeconds: given } = await c.req.parseBody();
      const { overlapSeconds } = read(rotateInput, { overlapSeconds: Number(given) });
      const act = { slug, id: param(c, 'id'), overlapSeconds, actor: operatorName(c, deps) };
      return showKeys(c, await rotateKey(deps, act));
    }),
  );
  app.post(
    `${base}/keys/:id/revoke`,
    page('keys', async (c) => {
      const { slug } = await requireTenantRow(deps, param(c, 'slug'));
      await revokeKey(deps, slug, param(c, 'id'), operatorName(c, deps));
      return c.redirect(`${tenantPath(slug, 'keys')}?done=revoked`, 303);
    }),
  );
  return app;
}
