// A tenant's webhook endpoints and the log of their deliveries: the same routes behind two doors.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { listEndpoints } from '#shared/db/webhook-endpoints.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { json, listAnswers } from '../operator/listing.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import type { UserDoor } from '../users/user-routes.ts';
import {
  changeEndpoint,
  createEndpoint,
  type EndpointAct,
  removeEndpoint,
  requireEndpoint,
  rotateWebhookSecret,
} from './acts.ts';
import { readDeliveries, replayDelivery, replayFailed, requireDelivery, sendTest } from './deliveries.ts';
import {
  deliveryQuery,
  deliverySchema,
  endpointChangeInput,
  endpointSchema,
  newEndpointInput,
  replayInput,
  secretAnswer,
  secretRotationInput,
  toDeliveryView,
  toEndpointView,
  toWholeDelivery,
  wholeDeliverySchema,
} from './views.ts';

export type EndpointDoor = Omit<UserDoor, 'userParams'>;

const bodied = ['malformed_request', 'payload_too_large', 'unsupported_media_type', 'invalid_input'] as const;

function defineRoutes({ path, tags, security, listParams, refusals }: EndpointDoor) {
  const about = { tags, security };
  const one = listParams.extend({ id: z.string() });
  const delivery = one.extend({ deliveryId: z.string() });
  const gone = problemResponses(...refusals, 'not_found', 'unavailable');
  const acted = problemResponses(...refusals, ...bodied, 'not_found', 'webhook_state', 'unavailable');
  const required = <T extends z.ZodType>(schema: T) => ({ ...json(schema), required: true });
  const single = `${path}/{id}`;
  return {
    create: createRoute({
      method: 'post',
      path,
      ...about,
      summary: 'Create a webhook endpoint',
      request: { params: listParams, body: required(newEndpointInput) },
      responses: {
        201: { description: 'The endpoint; `secret` is shown this once', ...json(secretAnswer) },
        ...problemResponses(...refusals, ...bodied, 'webhook_state', 'unavailable'),
      },
    }),
    list: createRoute({
      method: 'get',
      path,
      ...about,
      summary: 'List the webhook endpoints',
      request: { params: listParams },
      responses: {
        200: { description: 'Oldest first', ...json(z.object({ data: z.array(endpointSchema) })) },
        ...problemResponses(...refusals, 'unavailable'),
      },
    }),
    show: createRoute({
      method: 'get',
      path: single,
      ...about,
      summary: 'Show a webhook endpoint',
      request: { params: one },
      responses: { 200: { description: 'The endpoint', ...json(endpointSchema) }, ...gone },
    }),
    change: createRoute({
      method: 'patch',
      path: single,
      ...about,
      summary: 'Change, disable or enable a webhook endpoint',
      request: { params: one, body: required(endpointChangeInput) },
      responses: { 200: { description: 'As it is now', ...json(endpointSchema) }, ...acted },
    }),
    remove: createRoute({
      method: 'delete',
      path: single,
      ...about,
      summary: 'Delete a webhook endpoint with its log',
      request: { params: one },
      responses: { 204: { description: 'Nothing is sent to it any more' }, ...gone },
    }),
    rotate: createRoute({
      method: 'post',
      path: `${single}/rotate`,
      ...about,
      summary: 'Replace the secret of a webhook endpoint',
      description: 'For the overlap every webhook carries two signatures, so that either secret verifies it.',
      request: { params: one, body: { ...json(secretRotationInput), required: false } },
      responses: { 201: { description: 'The secret is shown this once', ...json(secretAnswer) }, ...acted },
    }),
    test: createRoute({
      method: 'post',
      path: `${single}/test`,
      ...about,
      summary: 'Send a test event to a webhook endpoint',
      request: { params: one },
      responses: { 202: { description: 'On its way', ...json(wholeDeliverySchema) }, ...acted },
    }),
    replayFailed: createRoute({
      method: 'post',
      path: `${single}/replay`,
      ...about,
      summary: 'Try failed deliveries since a time again',
      request: { params: one, body: required(replayInput) },
      responses: {
        202: {
          description: 'On their way, the oldest first; ask again where there are more',
          ...json(z.object({ replayed: z.int(), hasMore: z.boolean() })),
        },
        ...acted,
      },
    }),
    deliveries: createRoute({
      method: 'get',
      path: `${single}/deliveries`,
      ...about,
      summary: 'List the deliveries of a webhook endpoint, newest first',
      description: 'Kept for 30 days.',
      request: { params: one, query: deliveryQuery },
      responses: {
        ...listAnswers('A page of the log', deliverySchema),
        ...problemResponses(...refusals, 'not_found', 'invalid_input', 'unavailable'),
      },
    }),
    delivery: createRoute({
      method: 'get',
      path: `${single}/deliveries/{deliveryId}`,
      ...about,
      summary: 'Show a delivery with its body and its attempts',
      request: { params: delivery },
      responses: { 200: { description: 'The delivery', ...json(wholeDeliverySchema) }, ...gone },
    }),
    replay: createRoute({
      method: 'post',
      path: `${single}/deliveries/{deliveryId}/replay`,
      ...about,
      summary: 'Send a delivery again',
      description: 'With the same `webhook-id` and body, whatever became of it, for three days more.',
      request: { params: delivery },
      responses: { 202: { description: 'On its way', ...json(wholeDeliverySchema) }, ...acted },
    }),
  };
}

/** The caller must have passed the door's own guards. */
export function endpointRoutes(deps: ApiDeps, door: EndpointDoor) {
  const app = createRouter();
  const routes = defineRoutes(door);
  const act = async (c: Context<ApiEnv>): Promise<EndpointAct> => {
    return { ...(await door.enter(c)), id: (c.req.param('id') ?? '').toLowerCase() };
  };
  const deliveryId = (c: Context<ApiEnv>) => (c.req.param('deliveryId') ?? '').toLowerCase();
  app.openapi(routes.create, async (c) => {
    const input = c.req.valid('json') as z.infer<typeof newEndpointInput>;
    const { endpoint, secret } = await createEndpoint(deps, await door.enter(c), input);
    return c.json({ endpoint: toEndpointView(endpoint), secret }, 201) as never;
  });
  app.openapi(routes.list, async (c) => {
    const { tenant } = await door.enter(c);
    return c.json({ data: (await listEndpoints(deps.db.app, tenant)).map(toEndpointView) }, 200) as never;
  });
  app.openapi(routes.show, async (c) => {
    const { tenant, id } = await act(c);
    return c.json(toEndpointView(await requireEndpoint(deps, tenant, id)), 200) as never;
  });
  app.openapi(routes.change, async (c) => {
    const change = c.req.valid('json') as z.infer<typeof endpointChangeInput>;
    return c.json(toEndpointView(await changeEndpoint(deps, await act(c), change)), 200) as never;
  });
  app.openapi(routes.remove, async (c) => {
    await removeEndpoint(deps, await act(c));
    return c.body(null, 204) as never;
  });
  app.openapi(routes.rotate, async (c) => {
    const { overlapSeconds } = secretRotationInput.parse(c.req.valid('json'));
    const { endpoint, secret } = await rotateWebhookSecret(deps, await act(c), overlapSeconds);
    return c.json({ endpoint: toEndpointView(endpoint), secret }, 201) as never;
  });
  app.openapi(routes.test, async (c) => {
    return c.json(toWholeDelivery(await sendTest(deps, await act(c))), 202) as never;
  });
  app.openapi(routes.replayFailed, async (c) => {
    const { since } = c.req.valid('json') as z.infer<typeof replayInput>;
    return c.json(await replayFailed(deps, await act(c), since), 202) as never;
  });
  app.openapi(routes.deliveries, async (c) => {
    const { tenant, id } = await act(c);
    const query = c.req.valid('query') as z.infer<typeof deliveryQuery>;
    const page = await readDeliveries(deps, tenant, id, query);
    return c.json({ ...page, data: page.data.map(toDeliveryView) }, 200) as never;
  });
  app.openapi(routes.delivery, async (c) => {
    return c.json(
      toWholeDelivery(await requireDelivery(deps.db.app, await act(c), deliveryId(c))),
      200,
    ) as never;
  });
  app.openapi(routes.replay, async (c) => {
    return c.json(toWholeDelivery(await replayDelivery(deps, await act(c), deliveryId(c))), 202) as never;
  });
  return app;
}
