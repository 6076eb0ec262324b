// What reconciliation found, for operators to read, to download and to ask for anew.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { reconciledProviders } from '#shared/contracts/reconciliation.ts';
import { withTransaction } from '#shared/db/pool.ts';
import {
  findReconciliation,
  insertReconciliation,
  listReconciliations,
  type ReconciliationRow,
} from '#shared/db/reconciliation.ts';
import { insertAudit, type TenantRow } from '#shared/db/tenants.ts';
import { newId } from '#shared/runtime/ids.ts';
import { hasAccount } from '#shared/tenants/credentials.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { common, isId, json, listAnswers, listQuery, missing, toPage } from './listing.ts';
import { toCsv } from './reconciliation-csv.ts';
import { reconciliationSchema } from './reconciliation-schema.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

const path = '/operator/tenants/{slug}/reconciliations';
const runParams = slugParam.extend({ id: z.string() });

const listRoute = createRoute({
  method: 'get',
  path,
  ...common,
  summary: 'List reconciliations, newest first',
  request: { params: slugParam, query: listQuery },
  responses: listAnswers('A page of runs', reconciliationSchema.omit({ report: true })),
});

const showRoute = createRoute({
  method: 'get',
  path: `${path}/{id}`,
  ...common,
  summary: 'Show what a reconciliation found',
  description:
    'Three columns per currency: the money that the provider shows, the money in the ledger for the same ' +
    'purchases, and the coins of the tenant that are paid for and unspent, at their cost. In minor units.',
  request: { params: runParams },
  responses: { 200: { description: 'The run', ...json(reconciliationSchema) }, ...missing },
});

const downloadRoute = createRoute({
  method: 'get',
  path: `${path}/{id}.csv`,
  ...common,
  summary: 'Download what a reconciliation found',
  request: { params: runParams },
  responses: {
    200: {
      description: 'A table for spreadsheets, one line per figure',
      content: { 'text/csv': { schema: z.string() } },
    },
    ...missing,
  },
});

/** PayPal keeps three years of transactions; nobody needs to look further back. */
const reachMsMax = 3 * 366 * 24 * 3_600_000;

const runInput = z.strictObject({
  provider: z.enum(reconciledProviders).optional().describe('Without it, every provider of the tenant'),
  from: z.iso
    .datetime({ offset: true })
    .refine((value) => {
      const age = Date.now() - Date.parse(value);
      return age > 0 && age < reachMsMax;
    }, 'must be in the past, and not more than three years ago')
    .optional()
    .describe('Compare at least since then; without it, since the last run that was done'),
});

const runRoute = createRoute({
  method: 'post',
  path,
  ...common,
  summary: 'Reconcile now',
  request: { params: slugParam, body: { ...json(runInput), required: true } },
  responses: {
    202: {
      description: 'The runs that begin as soon as a worker is free',
      ...json(z.object({ data: z.array(z.object({ id: z.uuid(), provider: z.string() })) })),
    },
    401: missing[401],
    404: problemAnswer('tenant_not_found'),
    400: problemAnswer('malformed_request'),
    409: problemAnswer('provider_not_configured'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

function toListed(row: ReconciliationRow) {
  const { counts } = row.report;
  return {
    id: row.id,
    provider: row.provider,
    from: row.fromAt.toISOString(),
    to: row.toAt.toISOString(),
    status: row.status,
    detail: row.detail,
    startedAt: row.startedAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
    repaired: counts?.repaired ?? 0,
    differences: row.report.differencesTotal ?? 0,
  };
}

/** @throws Problem tenant_not_found, not_found */
async function requireRun(deps: ApiDeps, slug: string, id: string): Promise<ReconciliationRow> {
  const tenant = await requireTenantRow(deps, slug);
  const run = isId(id) ? await findReconciliation(deps.db.app, tenant.slug, id) : undefined;
  if (!run) throw new Problem('not_found', { detail: 'The tenant has no such reconciliation.' });
  return run;
}

/** Shows the runs and asks for them in one transaction. @throws Problem provider_not_configured */
async function askForRuns(
  deps: ApiDeps,
  tenant: TenantRow,
  { provider, from }: z.infer<typeof runInput>,
  actor: string,
): Promise<{ id: string; provider: string }[]> {
  const wanted = reconciledProviders.filter((each) => provider === undefined || each === provider);
  const names = wanted.filter((each) => hasAccount(deps.config, tenant, each));
  if (names.length === 0) {
    throw new Problem('provider_not_configured', { detail: 'The tenant has no account there.' });
  }
  const runs = names.map((name) => ({ id: newId(), provider: name }));
  const { slug } = tenant;
  await withTransaction(deps.db.app, async (tx) => {
    for (const run of runs) {
      await insertReconciliation(tx, { ...run, tenant: slug, from: from ? new Date(from) : null });
      const detail = { provider: run.provider, from: from ?? null };
      await insertAudit(tx, { tenant: slug, actor, action: 'reconciliation.start', target: run.id, detail });
      const what = { tenant: slug, task: 'reconcile' as const, provider: run.provider };
      const job = { ...what, runId: run.id, from: from ?? null, scheduledAt: null };
      await deps.outbox.emit(tx, [{ queue: 'provider', job }]);
    }
  });
  return runs;
}

export function reconciliationRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(listRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    const { limit, cursor } = c.req.valid('query');
    const rows = await listReconciliations(deps.db.app, slug, { after: cursor, limit: limit + 1 });
    const page = toPage(rows, limit);
    return c.json({ ...page, data: page.data.map(toListed) }, 200);
  });
  app.openAPIRegistry.registerPath(downloadRoute);
  app.openapi(showRoute, async (c) => {
    // A path cannot end a parameter at a dot, so both forms come in here.
    const [, id = '', csv] = /^(.*?)(\.csv)?$/.exec(c.req.param('id')) ?? [];
    const run = await requireRun(deps, c.req.param('slug'), id);
    if (csv === undefined) return c.json({ ...toListed(run), report: run.report }, 200) as never;
    const name = `reconciliation-${run.tenant}-${run.provider}-${run.toAt.toISOString().slice(0, 10)}.csv`;
    c.header('Content-Disposition', `attachment; filename="${name}"`);
    c.header('X-Content-Type-Options', 'nosniff');
    return c.body(toCsv(run), 200, { 'content-type': 'text/csv; charset=utf-8' }) as never;
  });
  app.openapi(runRoute, async (c) => {
    const tenant = await requireTenantRow(deps, c.req.param('slug'));
    const runs = await askForRuns(deps, tenant, c.req.valid('json'), operatorName(c, deps));
    return c.json({ data: runs }, 202);
  });
  return app;
}
