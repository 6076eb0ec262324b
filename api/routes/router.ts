// Every group of routes is one of these: OpenAPI from the code, one way to refuse invalid input.
import { OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { ApiEnv } from '../context.ts';
import { refuseInvalidInput } from '../errors.ts';

export function createRouter(): OpenAPIHono<ApiEnv> {
  const router = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalidInput });
  const { openapi } = router;
  const openapiUnread = (route: RouteConfig & { hide?: boolean }, ...rest: [never]) => {
    if (!route.request?.headers) return openapi(route, ...rest);
    // Headers are documented here, and read one by one where they are needed: to validate them copies all that a request has.
    if (!route.hide) router.openAPIRegistry.registerPath(route);
    return openapi({ ...route, hide: true, request: { ...route.request, headers: undefined } }, ...rest);
  };
  router.openapi = openapiUnread as typeof openapi;
  return router;
}
