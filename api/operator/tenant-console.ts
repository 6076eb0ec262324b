// The console's pages about one tenant: plain forms over what the operator's API does, for people.

import { html } from 'hono/html';
import { listItemSales } from '#shared/db/entitlements.ts';
import { countHeldOperations } from '#shared/db/held-operations.ts';
import { countFailedEvents } from '#shared/db/inbox-views.ts';
import { withTenant } from '#shared/db/pool.ts';
import { countReviews } from '#shared/db/purchase-views.ts';
import { listReconciliations } from '#shared/db/reconciliation.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { countFrozenWallets, findWalletByAnyId, findWalletByEmail } from '#shared/db/wallet-views.ts';
import { readSettings } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { tenantPath } from './console-frame.ts';
import { freezeByHand, freezeInput, liftByHand, readFrozenWallets, requireWallet } from './freezes.ts';
import { addHeldPages } from './held-page.ts';
import { eventQuery, readEvents, replayEvent, requireEvent } from './inbox.ts';
import { renderEvent, renderEvents } from './inbox-page.ts';
import { renderItems } from './items-card.ts';
import { isId } from './listing.ts';
import { purchaseQuery, readPurchases, requirePurchase } from './purchases.ts';
import { renderPurchase, renderPurchases } from './purchases-page.ts';
import { decideReview, reviewInput } from './review.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { tenantBase as base, createPages, filled, type Pages, param, read } from './tenant-frame.ts';
import { renderOverview } from './tenant-page.ts';
import { readTopUp } from './top-up-reading.ts';
import { addStatementPage, readExplanation } from './wallet-reading.ts';
import { renderWallet, renderWallets } from './wallets-page.ts';

/** Runs are listed for all providers together; of each the newest few are enough. */
const runsShown = 30;

type Router = ReturnType<typeof createRouter>;

export function tenantConsoleRoutes(deps: ApiDeps) {
  const app = createRouter();
  const pages = createPages(deps);
  const { page, show } = pages;
  app.get(
    base,
    page('', async (c) => show(c, '', renderOverview(await readOverview(deps, param(c, 'slug'))))),
  );
  addEventPages(app, deps, pages);
  addPurchasePages(app, deps, pages);
  addHeldPages(app, deps, pages);
  addWalletPages(app, deps, pages);
  addStatementPage(app, deps, pages);
  return app;
}

function addEventPages(app: Router, deps: ApiDeps, { page, show }: Pages): void {
  app.get(
    `${base}/provider-events`,
    page('provider-events', async (c) => {
      const slug = param(c, 'slug');
      const query = read(eventQuery, filled(c.req.query()));
      const list = await readEvents(deps, slug, query);
      const { status, provider } = query;
      return show(c, 'provider-events', renderEvents({ slug, ...list, status, provider }));
    }),
  );
  app.get(
    `${base}/provider-events/:id`,
    page('provider-events', async (c) => {
      const event = await requireEvent(deps, param(c, 'slug'), param(c, 'id'));
      return show(c, 'provider-events', renderEvent(param(c, 'slug'), event), { title: event.kind });
    }),
  );
  app.post(
    `${base}/provider-events/:id/replay`,
    page('provider-events', async (c) => {
      const [slug, id] = [param(c, 'slug'), param(c, 'id')];
      await replayEvent(deps, slug, id, operatorName(c, deps));
      return c.redirect(`${tenantPath(slug, 'provider-events', id)}?done=replayed`, 303);
    }),
  );
}

function addPurchasePages(app: Router, deps: ApiDeps, { page, show }: Pages): void {
  app.get(
    `${base}/purchases`,
    page('purchases', async (c) => {
      const slug = param(c, 'slug');
      const query = read(purchaseQuery, filled(c.req.query()));
      const list = await readPurchases(deps, slug, query);
      return show(c, 'purchases', renderPurchases({ slug, ...list, status: query.status }));
    }),
  );
  app.get(
    `${base}/purchases/:id`,
    page('purchases', async (c) => {
      const purchase = await requirePurchase(deps, param(c, 'slug'), param(c, 'id'));
      return show(c, 'purchases', renderPurchase(param(c, 'slug'), purchase), { title: 'Purchase' });
    }),
  );
  app.post(
    `${base}/purchases/:id/review`,
    page('purchases', async (c) => {
      const [slug, id] = [param(c, 'slug'), param(c, 'id')];
      const { decision } = read(reviewInput, await c.req.parseBody());
      await decideReview(deps, { slug, id, decision, actor: operatorName(c, deps) });
      const done = decision === 'grant' ? 'granted' : 'refunded';
      return c.redirect(`${tenantPath(slug, 'purchases', id)}?done=${done}`, 303);
    }),
  );
}

function addWalletPages(app: Router, deps: ApiDeps, { page, show }: Pages): void {
  app.get(
    `${base}/wallets`,
    page('wallets', async (c) => {
      const slug = param(c, 'slug');
      const { find, cursor } = c.req.query();
      const found = find === undefined ? undefined : await findWallet(deps, slug, find.trim());
      if (found) return c.redirect(tenantPath(slug, 'wallets', found), 302);
      const wanted = cursor !== undefined && isId(cursor) ? cursor : undefined;
      const list = await readFrozenWallets(deps, slug, { cursor: wanted, limit: 20 });
      const notice = find === undefined ? {} : { notice: { text: 'There is no such wallet.', bad: true } };
      return show(c, 'wallets', renderWallets({ slug, ...list, find }), notice);
    }),
  );
  app.get(
    `${base}/wallets/:walletId`,
    page('wallets', async (c) => {
      const slug = param(c, 'slug');
      const wallet = await requireWallet(deps, slug, param(c, 'walletId'));
      const bought = { walletId: wallet.id, limit: 20 };
      const list = await readPurchases(deps, slug, { ...bought, status: undefined, cursor: undefined });
      const purchases = renderPurchases({ slug, ...list, walletId: wallet.id });
      const lots = await readExplanation(deps, slug, wallet.id);
      const topUp = await readTopUp(deps, slug, wallet.id);
      const rest = html`${topUp}${lots}${purchases}`;
      return show(c, 'wallets', renderWallet(slug, wallet, rest), { title: 'Wallet' });
    }),
  );
  app.post(
    `${base}/wallets/:walletId/freeze`,
    page('wallets', async (c) => {
      const [slug, walletId] = [param(c, 'slug'), param(c, 'walletId')];
      const { note } = read(freezeInput, await c.req.parseBody());
      await freezeByHand(deps, { slug, walletId, note, actor: operatorName(c, deps) });
      return c.redirect(`${tenantPath(slug, 'wallets', walletId)}?done=frozen`, 303);
    }),
  );
  app.post(
    `${base}/wallets/:walletId/lift`,
    page('wallets', async (c) => {
      const [slug, walletId] = [param(c, 'slug'), param(c, 'walletId')];
      const { cause } = await c.req.parseBody();
      await liftByHand(deps, { slug, walletId, cause: String(cause ?? ''), actor: operatorName(c, deps) });
      return c.redirect(`${tenantPath(slug, 'wallets', walletId)}?done=lifted`, 303);
    }),
  );
}

async function readOverview(deps: ApiDeps, slug: string) {
  const tenant = await requireTenantRow(deps, slug);
  const runs = await listReconciliations(deps.db.app, slug, { after: undefined, limit: runsShown });
  const failedEvents = await countFailedEvents(deps.db.app, slug);
  return withTenant(deps.db.app, slug, async (tx) => {
    const frozenWallets = await countFrozenWallets(tx);
    const held = await countHeldOperations(tx);
    const sold = await listItemSales(tx);
    const { items } = readSettings(tenant.settings);
    const shop = renderItems(items, tenant.coin.code, sold, await tenantNow(tx));
    return { tenant, runs, failedEvents, frozenWallets, held, items: shop, reviews: await countReviews(tx) };
  });
}

/** The id of the wallet that a text means. @throws Problem tenant_not_found */
async function findWallet(deps: ApiDeps, slug: string, text: string): Promise<string | undefined> {
  const tenant = await requireTenantRow(deps, slug);
  if (text.includes('\0')) return undefined;
  const wallet = await withTenant(deps.db.app, tenant.slug, (tx) =>
    isId(text) ? findWalletByAnyId(tx, text) : findWalletByEmail(tx, text.normalize('NFKC').toLowerCase()),
  );
  return wallet?.id;
}
