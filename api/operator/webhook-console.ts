// The console's pages of a tenant's webhook endpoints: make, test, rotate, disable, and send again what was not taken.
import type { Context } from 'hono';
import { listEndpoints } from '#shared/db/webhook-endpoints.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import {
  changeEndpoint,
  createEndpoint,
  type EndpointAct,
  type NewSecret,
  removeEndpoint,
  requireEndpoint,
  rotateWebhookSecret,
} from '../webhook-endpoints/acts.ts';
import {
  readDeliveries,
  replayDelivery,
  replayFailed,
  requireDelivery,
  sendTest,
} from '../webhook-endpoints/deliveries.ts';
import {
  deliveryQuery,
  endpointChangeInput,
  newEndpointInput,
  secretRotationInput,
} from '../webhook-endpoints/views.ts';
import { tenantPath } from './console-frame.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { createPages, filled, param, read, tenantBase } from './tenant-frame.ts';
import { renderDelivery, renderEndpoint, renderEndpoints } from './webhooks-page.ts';

const section = 'webhook-endpoints';
const base = `${tenantBase}/${section}`;
/** What "try again what failed" reaches back to: all that the log keeps. */
const logDays = 30;

export function webhookConsoleRoutes(deps: ApiDeps) {
  const app = createRouter();
  const { page, show } = createPages(deps);
  const enter = async (c: Context<ApiEnv>): Promise<EndpointAct> => {
    const { slug } = await requireTenantRow(deps, param(c, 'slug'));
    return { tenant: slug, actor: operatorName(c, deps), id: param(c, 'id') };
  };
  const showList = async (c: Context<ApiEnv>, made?: NewSecret) => {
    const { tenant } = await enter(c);
    const main = renderEndpoints(tenant, await listEndpoints(deps.db.app, tenant), made);
    return show(c, section, main, made ? { status: 201 } : {});
  };
  const backTo = (c: Context<ApiEnv>, { tenant, id }: EndpointAct, done: string, ...rest: string[]) =>
    c.redirect(`${tenantPath(tenant, section, id, ...rest)}?done=${done}`, 303);
  app.get(
    base,
    page(section, (c) => showList(c)),
  );
  app.post(
    base,
    page(section, async (c) => {
      const { eventTypes, description, ...given } = await c.req.parseBody({ all: true });
      const input = read(newEndpointInput, {
        ...given,
        eventTypes: [eventTypes ?? []].flat(),
        description: description || null,
      });
      return showList(c, await createEndpoint(deps, await enter(c), input));
    }),
  );
  app.get(
    `${base}/:id`,
    page(section, async (c) => {
      const { tenant, id } = await enter(c);
      const endpoint = await requireEndpoint(deps, tenant, id);
      const query = read(deliveryQuery, filled(c.req.query()));
      const list = await readDeliveries(deps, tenant, id, query);
      const { status, type } = query;
      return show(c, section, renderEndpoint({ slug: tenant, endpoint, ...list, status, type }), {
        title: 'Webhook endpoint',
      });
    }),
  );
  app.post(
    `${base}/:id/change`,
    page(section, async (c) => {
      const act = await enter(c);
      await changeEndpoint(deps, act, read(endpointChangeInput, await c.req.parseBody()));
      return backTo(c, act, 'changed');
    }),
  );
  app.post(
    `${base}/:id/rotate`,
    page(section, async (c) => {
      const { overlapSeconds: given } = await c.req.parseBody();
      const { overlapSeconds } = read(secretRotationInput, { overlapSeconds: Number(given) });
      return showList(c, await rotateWebhookSecret(deps, await enter(c), overlapSeconds));
    }),
  );
  app.post(
    `${base}/:id/delete`,
    page(section, async (c) => {
      const act = await enter(c);
      await removeEndpoint(deps, act);
      return c.redirect(`${tenantPath(act.tenant, section)}?done=deleted`, 303);
    }),
  );
  app.post(
    `${base}/:id/test`,
    page(section, async (c) => {
      const act = await enter(c);
      await sendTest(deps, act);
      return backTo(c, act, 'sent');
    }),
  );
  app.post(
    `${base}/:id/replay`,
    page(section, async (c) => {
      const act = await enter(c);
      await replayFailed(deps, act, new Date(Date.now() - logDays * 86_400_000).toISOString());
      return backTo(c, act, 'sent');
    }),
  );
  app.get(
    `${base}/:id/deliveries/:deliveryId`,
    page(section, async (c) => {
      const act = await enter(c);
      const delivery = await requireDelivery(deps.db.app, act, param(c, 'deliveryId'));
      return show(c, section, renderDelivery(act.tenant, delivery), { title: 'Webhook' });
    }),
  );
  app.post(
    `${base}/:id/deliveries/:deliveryId/replay`,
    page(section, async (c) => {
      const act = await enter(c);
      const deliveryId = param(c, 'deliveryId');
      await replayDelivery(deps, act, deliveryId);
      return backTo(c, act, 'sent', 'deliveries', deliveryId);
    }),
  );
  return app;
}
