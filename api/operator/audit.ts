// Who did what in a tenant: the audit log, which nobody can change, for its operators and its platform.
import { createRoute, z } from '@hono/zod-openapi';
import { type AuditLine, listAudit } from '#shared/db/audit.ts';
import type { ApiDeps } from '../context.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { cleanText } from '../routes/schemas.ts';
import type { UserDoor } from '../users/user-routes.ts';
import { listAnswers, listQuery, toPage } from './listing.ts';

const filterText = cleanText.min(1).max(200);

export const auditQuery = listQuery.extend({
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional()
    .describe('`nextCursor` of the page before'),
  action: filterText.optional().describe('What the action begins with, such as `user.`'),
  actor: filterText.optional().describe('What the actor begins with, such as `key:` or `operator:token`'),
  target: filterText.optional().describe('The id that it was done to'),
});

const lineSchema = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    actor: z.string().describe('`user:<id>`, `key:<id>`, `operator:…` or `workers`'),
    action: z.string(),
    target: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()).describe('Never personal data or secrets'),
  })
  .openapi('AuditLine');

export type AuditLineView = Omit<AuditLine, 'id'> & { id: string };

/** A page of a tenant's lines, the newest first. */
export async function readAudit(
  { db }: Pick<ApiDeps, 'db'>,
  tenant: string,
  { cursor, limit, action, actor, target }: z.infer<typeof auditQuery>,
) {
  const after = cursor === undefined ? undefined : Number(cursor);
  const rows = await listAudit(db.app, tenant, { action, actor, target, after, limit: limit + 1 });
  const lines = rows.map((row): AuditLineView => ({ ...row, id: String(row.id) }));
  return toPage(lines, limit);
}

export function auditRoutes(
  deps: ApiDeps,
  door: Pick<UserDoor, 'path' | 'tags' | 'security' | 'listParams' | 'refusals' | 'enter'>,
) {
  const app = createRouter();
  const { path, tags, security, listParams: params, refusals } = door;
  const listRoute = createRoute({
    method: 'get',
    path,
    tags,
    security,
    summary: 'List who did what, newest first',
    request: { params, query: auditQuery },
    responses: {
      ...listAnswers('A page of the log', lineSchema),
      ...problemResponses(...refusals, 'invalid_input', 'unavailable'),
    },
  });
  app.openapi(listRoute, async (c) => {
    const { tenant } = await door.enter(c);
    const page = await readAudit(deps, tenant, c.req.valid('query') as z.infer<typeof auditQuery>);
    const data = page.data.map((line) => ({ ...line, at: line.at.toISOString() }));
    return c.json({ ...page, data }, 200) as never;
  });
  return app;
}
