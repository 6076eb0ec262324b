// The operator's console: what an operator does by hand, as plain forms that work without scripts.
import type { Context } from 'hono';
import { type InputFault, Problem } from '#shared/contracts/problem.ts';
import { checkIntegrity } from '#shared/db/integrity.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { inputProblem } from '../errors.ts';
import { operatorName } from '../middleware/operator.ts';
import { createProcessHealth, type ProcessHealth } from '../process-health.ts';
import { createRouter } from '../routes/router.ts';
import { type ConsoleNotice, type HealthFacts, renderHome } from './console-page.ts';
import { changeTenant, createTenant, newTenantInput, requireTenantRow } from './tenant-changes.ts';
import { readTenantPage } from './tenants.ts';

const tenantsPerPage = 25;

interface HomeState {
  status?: 200 | 201 | 404 | 409 | 422;
  notice?: ConsoleNotice;
  /** What was typed, when it has to be typed better. */
  typed?: Record<string, string>;
}

export function consoleRoutes(deps: ApiDeps) {
  const app = createRouter();
  const health = createProcessHealth(deps);

  const home = async (c: Context<ApiEnv>, state: HomeState) => {
    const [page, facts] = await Promise.all([
      readTenantPage(deps, c.req.query('after'), tenantsPerPage),
      readHealth(deps, health),
    ]);
    return renderHome(c, {
      links: deps.consoleLinks,
      tenants: page.data,
      after: page.nextCursor,
      facts,
      ...state,
    });
  };
  /** A refusal is shown on the page that it is about. */
  const homeWith = async (
    c: Context<ApiEnv>,
    work: () => Promise<HomeState>,
    typed?: Record<string, string>,
  ) => {
    try {
      return await home(c, await work());
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error;
      const faults: InputFault[] = error.faults ?? [];
      return home(c, {
        status: error.status as 422,
        notice: { kind: 'problem', title: error.title, detail: error.detail, faults },
        ...(typed ? { typed } : {}),
      });
    }
  };

  app.get('/operator', (c) => c.redirect('/operator/', 302));
  app.get('/operator/', (c) => {
    const slug = c.req.query('integrity');
    if (slug === undefined) return home(c, {});
    return homeWith(c, async () => {
      await requireTenantRow(deps, slug);
      return { notice: { kind: 'integrity', slug, report: await checkIntegrity(deps.db, slug) } };
    });
  });
  app.post('/operator/console/tenants', async (c) => {
    const typed = textFields(await c.req.parseBody());
    return homeWith(
      c,
      async () => {
        const input = newTenantInput.safeParse(toTenantInput(typed));
        if (!input.success) throw inputProblem(input.error, 'json');
        const { row, secretKey } = await createTenant(deps, input.data, operatorName(c, deps));
        return { status: 201, notice: { kind: 'created', slug: row.slug, secretKey } };
      },
      typed,
    );
  });
  app.post('/operator/console/tenants/:slug/:change{suspend|resume}', async (c) => {
    const status = c.req.param('change') === 'suspend' ? 'suspended' : 'active';
    return homeWith(c, async () => {
      const row = await changeTenant(deps, c.req.param('slug'), { status }, operatorName(c, deps));
      return { notice: { kind: 'done', text: `Tenant ${row.slug} is ${row.status} now.` } };
    });
  });
  return app;
}

function textFields(form: Record<string, unknown>): Record<string, string> {
  const texts = Object.entries(form).filter(
    (field): field is [string, string] => typeof field[1] === 'string',
  );
  return Object.fromEntries(texts.map(([name, text]) => [name, text.trim()]));
}

/** An empty field of a form means that nothing was said. */
function toTenantInput({ slug, name, coinCode, coinName, coinSymbol }: Record<string, string>) {
  const coin = { code: coinCode, name: coinName, symbol: coinSymbol };
  return { slug, name, ...(coinCode || coinName || coinSymbol ? { coin } : {}) };
}

async function readHealth(deps: ApiDeps, health: ProcessHealth): Promise<HealthFacts> {
  const startedAt = performance.now();
  const postgresMs = await health.postgres().then(
    () => performance.now() - startedAt,
    () => undefined,
  );
  const depths = await health.queueDepths().catch(() => undefined);
  const total = (...states: string[]) =>
    depths?.reduce(
      (sum, { counts }) => sum + states.reduce((part, state) => part + (counts[state] ?? 0), 0),
      0,
    );
  return {
    postgresMs,
    queues: deps.backend.kind === 'redis' ? 'Redis' : 'Postgres',
    waiting: total('waiting', 'prioritized', 'delayed'),
    active: total('active'),
    failed: total('failed'),
    uptimeSeconds: process.uptime(),
    memoryBytes: process.memoryUsage.rss(),
  };
}
