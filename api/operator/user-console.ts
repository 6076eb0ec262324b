// The console's pages about a tenant's users, and about who did what: forms over what the API does.
import { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findWalletByAnyId, findWalletByEmail } from '#shared/db/wallet-views.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { eraseUser } from '../users/erase.ts';
import { readUsers, requireUserOf } from '../users/read-users.ts';
import { banUser, endSessionsOf, unbanUser } from '../users/standing.ts';
import { banInput, usersQuery } from '../users/user-views.ts';
import { auditQuery, readAudit } from './audit.ts';
import { renderAudit } from './audit-page.ts';
import { tenantPath } from './console-frame.ts';
import { isId } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { tenantBase as base, createPages, filled, type Pages, param, read } from './tenant-frame.ts';
import { renderUser, renderUsers } from './users-page.ts';

type Router = ReturnType<typeof createRouter>;

export function userConsoleRoutes(deps: ApiDeps) {
  const app = createRouter();
  const pages = createPages(deps);
  addUserPages(app, deps, pages);
  addUserActions(app, deps, pages);
  app.get(
    `${base}/audit`,
    pages.page('audit', async (c) => {
      const { slug } = await requireTenantRow(deps, param(c, 'slug'));
      const query = read(auditQuery, filled(c.req.query()));
      const { action, actor, target } = query;
      const list = await readAudit(deps, slug, query);
      return pages.show(c, 'audit', renderAudit({ ...list, filters: { action, actor, target } }));
    }),
  );
  return app;
}

const listed = usersQuery.omit({ email: true });

function addUserPages(app: Router, deps: ApiDeps, { page, show }: Pages): void {
  app.get(
    `${base}/users`,
    page('users', async (c) => {
      const { slug } = await requireTenantRow(deps, param(c, 'slug'));
      const { find, ...rest } = filled(c.req.query());
      const found = find === undefined ? undefined : await findUserId(deps, slug, find.trim());
      if (found) return c.redirect(tenantPath(slug, 'users', found), 302);
      const query = read(listed, rest);
      const list = await readUsers(deps, slug, { ...query, email: undefined });
      const notice = find === undefined ? {} : { notice: { text: 'There is no such user.', bad: true } };
      return show(c, 'users', renderUsers({ slug, ...list, find, status: query.status }), notice);
    }),
  );
  app.get(
    `${base}/users/:id`,
    page('users', async (c) => {
      const { slug } = await requireTenantRow(deps, param(c, 'slug'));
      const user = await requireUserOf(deps, slug, param(c, 'id'));
      return show(c, 'users', renderUser(slug, user), { title: 'User' });
    }),
  );
}

/** Typed by hand, so that nobody erases a person by a slip. */
const eraseForm = z.strictObject({ confirm: z.string().trim() });

function addUserActions(app: Router, deps: ApiDeps, { page }: Pages): void {
  app.post(
    `${base}/users/:id/:change{ban|unban|end-sessions|erase}`,
    page('users', async (c) => {
      const { slug } = await requireTenantRow(deps, param(c, 'slug'));
      const { id: userId } = await requireUserOf(deps, slug, param(c, 'id'));
      const act = { tenant: slug, userId, actor: operatorName(c, deps) };
      const form = (await c.req.parseBody()) as Record<string, string>;
      let done = 'ended';
      switch (param(c, 'change')) {
        case 'ban':
          await banUser(deps, act, read(banInput, filled(form)).reason);
          done = 'banned';
          break;
        case 'unban':
          await unbanUser(deps, act);
          done = 'unbanned';
          break;
        case 'erase':
          if (read(eraseForm, form).confirm !== 'erase') {
            throw new Problem('invalid_input', { detail: 'Type the word "erase" to erase the user.' });
          }
          await eraseUser(deps, act);
          done = 'erased';
          break;
        default:
          await endSessionsOf(deps, act);
      }
      return c.redirect(`${tenantPath(slug, 'users', userId)}?done=${done}`, 303);
    }),
  );
}

/** The user whom a text means: an address, or the id of the user or of the wallet. */
async function findUserId(deps: ApiDeps, slug: string, text: string): Promise<string | undefined> {
  if (text.includes('\0')) return undefined;
  const wallet = await withTenant(deps.db.app, slug, (tx) =>
    isId(text) ? findWalletByAnyId(tx, text) : findWalletByEmail(tx, text.normalize('NFKC').toLowerCase()),
  );
  return wallet?.userId;
}
