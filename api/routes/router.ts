// Every group of routes is one of these: OpenAPI from the code, one way to refuse invalid input.
import { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../context.ts';
import { refuseInvalidInput } from '../errors.ts';

export function createRouter(): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalidInput });
}
