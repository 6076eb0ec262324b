// What users see of their sessions, and how they end those that are not theirs any more.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import { announceRevokedSessions, listLiveSessions, revokeSessionOf } from '#shared/db/sessions.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { ApiDeps, UserCaller } from '../context.ts';
import { requireCaller } from '../middleware/caller.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { requireUser } from './freshness.ts';
import { noStore } from './request.ts';
import { endOtherSessions } from './sessions.ts';

const sessionSchema = z
  .object({
    id: z.uuid(),
    createdAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().openapi({ description: 'The login, or the last refresh' }),
    address: z.string().nullable().openapi({ description: 'From where it was opened' }),
    userAgent: z.string().nullable(),
    method: z.string().openapi({ description: 'password, google, facebook or passkey' }),
    current: z.boolean().openapi({ description: 'The session of this very request' }),
  })
  .openapi('Session', {
    example: {
      id: '0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77',
      createdAt: '2026-11-22T10:15:00.000Z',
      lastSeenAt: '2026-11-22T12:40:00.000Z',
      address: '192.0.2.7',
      userAgent: 'Mozilla/5.0',
      method: 'password',
      current: true,
    },
  });

const common = { tags: ['Users'], security: [{ user: [] }] };
const refusals = [
  ...(['unauthenticated', 'forbidden', 'tenant_mismatch', 'tenant_suspended', 'address_refused'] as const),
  ...(['rate_limited', 'unavailable'] as const),
];

const listRoute = createRoute({
  method: 'get',
  path: '/sessions',
  ...common,
  summary: 'The sessions of the user that are not over',
  responses: {
    200: {
      description: 'Newest first',
      content: { 'application/json': { schema: z.object({ data: z.array(sessionSchema) }) } },
    },
    ...problemResponses(...refusals),
  },
});

const endOneRoute = createRoute({
  method: 'delete',
  path: '/sessions/{id}',
  ...common,
  summary: 'End a session',
  description: 'Its access tokens are refused from now on, and what it asked for by mail is off.',
  request: { params: z.object({ id: z.string() }) },
  responses: { 204: { description: 'Over' }, ...problemResponses(...refusals, 'not_found') },
});

const endOthersRoute = createRoute({
  method: 'delete',
  path: '/sessions',
  ...common,
  summary: 'End all sessions but this one',
  responses: { 204: { description: 'Over' }, ...problemResponses(...refusals) },
});

export function sessionRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/sessions', requireCaller(deps));
  router.use('/sessions/*', requireCaller(deps));
  router.openapi(listRoute, async (c) => {
    const { tenant, userId, sessionId } = requireUser(c.get('caller'));
    const rows = await withTenant(deps.db.app, tenant.slug, (tx) => listLiveSessions(tx, userId));
    const data = rows.map(({ createdAt, lastSeenAt, ...row }) => ({
      ...row,
      createdAt: createdAt.toISOString(),
      lastSeenAt: lastSeenAt.toISOString(),
      current: row.id === sessionId,
    }));
    return c.json({ data }, 200, noStore);
  });
  router.openapi(endOneRoute, async (c) => {
    await endOne(deps, requireUser(c.get('caller')), c.req.param('id'));
    return c.body(null, 204);
  });
  router.openapi(endOthersRoute, async (c) => {
    const { tenant, userId, sessionId } = requireUser(c.get('caller'));
    const ended = await withTenant(deps.db.app, tenant.slug, async (tx) => {
      const actor = `user:${userId}`;
      await insertAudit(tx, { tenant: tenant.slug, actor, action: 'session.end_others', target: userId });
      return endOtherSessions(tx, userId, sessionId, 'ended_by_user');
    });
    deps.tokens.forgetSessions(ended);
    return c.body(null, 204);
  });
  return router;
}

/** @throws Problem not_found for a session that is over, or somebody else's. */
async function endOne(deps: ApiDeps, { tenant, userId }: UserCaller, id: string): Promise<void> {
  const none = new Problem('not_found', { detail: 'You have no such session, or it is over.' });
  if (!z.uuid().safeParse(id).success) throw none;
  await withTenant(deps.db.app, tenant.slug, async (tx) => {
    if (!(await revokeSessionOf(tx, userId, id, 'ended_by_user'))) throw none;
    await announceRevokedSessions(tx, [id]);
    await insertAudit(tx, {
      tenant: tenant.slug,
      actor: `user:${userId}`,
      action: 'session.end',
      target: id,
    });
  });
  deps.tokens.forgetSessions([id]);
}
