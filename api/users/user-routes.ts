// What platforms and operators do about users: the same routes behind two doors.
import { createRoute, type z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ZodObject } from 'zod';
import type { ProblemCode } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { isId, json, listAnswers } from '../operator/listing.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { eraseUser } from './erase.ts';
import { readUsers, requireUserOf } from './read-users.ts';
import { banUser, endSessionsOf, noSuchUser, type UserAct, unbanUser } from './standing.ts';
import {
  banInput,
  erasureSchema,
  exportSchema,
  toErasure,
  toUserLine,
  toWholeUser,
  userLineSchema,
  usersQuery,
  wholeUserSchema,
} from './user-views.ts';

/** How one kind of caller comes in. */
export interface UserDoor {
  /** `/users`, below whatever names the tenant. */
  path: string;
  tags: string[];
  security: Record<string, string[]>[];
  /** The parameters of the path before the user's id, and with it. */
  listParams: ZodObject;
  userParams: ZodObject;
  /** What its guards can say. */
  refusals: readonly ProblemCode[];
  /** Who comes, and to which tenant. @throws Problem when they may not */
  enter(c: Context<ApiEnv>): Promise<{ tenant: string; actor: string }>;
}

const reading = ['user_not_found', 'unavailable'] as const;
const writing = ['user_not_found', 'malformed_request', 'payload_too_large'] as const;
const bodied = ['unsupported_media_type', 'invalid_input', 'unavailable'] as const;

function defineRoutes({ path, tags, security, listParams, userParams, refusals }: UserDoor) {
  const about = { tags, security };
  const one = { ...about, request: { params: userParams } };
  const user = `${path}/{id}`;
  const done = (description: string) => ({
    204: { description },
    ...problemResponses(...refusals, ...writing, ...bodied),
  });
  return {
    list: createRoute({
      method: 'get',
      path,
      ...about,
      summary: 'Find users, newest first',
      request: { params: listParams, query: usersQuery },
      responses: {
        ...listAnswers('A page of users', userLineSchema),
        ...problemResponses(...refusals, 'invalid_input', 'unavailable'),
      },
    }),
    show: createRoute({
      method: 'get',
      path: user,
      ...one,
      summary: 'Show a user',
      responses: {
        200: { description: 'The user; one who is erased is still there', ...json(wholeUserSchema) },
        ...problemResponses(...refusals, ...reading),
      },
    }),
    ban: createRoute({
      method: 'post',
      path: `${user}/ban`,
      ...about,
      summary: 'Ban a user',
      description:
        'All sessions end and the wallet is frozen, at once and together: logins, refreshes and every route ' +
        'with an access token are refused, what is queued and what platforms spend is `wallet_frozen`. Coins ' +
        'still come in. Twice is as good as once.',
      request: { params: userParams, body: { ...json(banInput), required: false } },
      responses: done('Banned, now or before'),
    }),
    unban: createRoute({
      method: 'post',
      path: `${user}/unban`,
      ...one,
      summary: 'Lift a ban',
      description: 'Other freezes of the wallet stay. The sessions stay over: the user logs in again.',
      responses: done('Not banned, now or before'),
    }),
    endSessions: createRoute({
      method: 'delete',
      path: `${user}/sessions`,
      ...one,
      summary: 'End all sessions of a user',
      responses: done('They are over, and their access tokens with them'),
    }),
    export: createRoute({
      method: 'get',
      path: `${user}/export`,
      ...one,
      summary: 'Download all that is held about a user',
      description: 'One JSON file, as of one moment. An answer that breaks off is no valid JSON.',
      responses: {
        200: { description: 'An attachment', ...json(exportSchema) },
        ...problemResponses(...refusals, ...reading, 'overloaded'),
      },
    }),
    erase: createRoute({
      method: 'post',
      path: `${user}/erase`,
      ...one,
      summary: 'Erase a user, for good',
      description:
        'Address, name, password, identities, factors and sessions go, as do the references and metadata of ' +
        'operations and the bodies of stored webhooks about purchases. Amounts, times, ids and idempotency ' +
        'keys stay: the books. A mail to the old address says so. Refused with `payment_state` while a ' +
        'payment of the user is in review or in dispute. Money that still comes for a purchase under way is ' +
        'booked to the frozen wallet.',
      responses: {
        200: { description: 'Erased', ...json(erasureSchema) },
        ...problemResponses(...refusals, ...writing, ...bodied, 'payment_state'),
      },
    }),
  };
}

/** The caller must have passed the door's own guards. */
export function userRoutes(deps: ApiDeps, door: UserDoor) {
  const app = createRouter();
  const routes = defineRoutes(door);
  /** The tenant is looked at first: nothing is said about users to somebody who has no business there. */
  const act = async (c: Context<ApiEnv>): Promise<UserAct> => {
    const entered = await door.enter(c);
    const userId = c.req.param('id') ?? '';
    if (!isId(userId)) throw noSuchUser();
    return { ...entered, userId: userId.toLowerCase() };
  };
  app.openapi(routes.list, async (c) => {
    const { tenant } = await door.enter(c);
    const page = await readUsers(deps, tenant, c.req.valid('query') as z.infer<typeof usersQuery>);
    return c.json({ ...page, data: page.data.map(toUserLine) }, 200) as never;
  });
  app.openapi(routes.show, async (c) => {
    const { tenant, userId } = await act(c);
    return c.json(toWholeUser(await requireUserOf(deps, tenant, userId)), 200) as never;
  });
  app.openapi(routes.ban, async (c) => {
    const { reason } = c.req.valid('json') as z.infer<typeof banInput>;
    await banUser(deps, await act(c), reason);
    return c.body(null, 204) as never;
  });
  app.openapi(routes.unban, async (c) => {
    await unbanUser(deps, await act(c));
    return c.body(null, 204) as never;
  });
  app.openapi(routes.endSessions, async (c) => {
    await endSessionsOf(deps, await act(c));
    return c.body(null, 204) as never;
  });
  app.openapi(routes.export, async (c) => {
    const { tenant, userId, actor } = await act(c);
    return deps.exports.start(tenant, userId, actor) as never;
  });
  app.openapi(routes.erase, async (c) => {
    return c.json(toErasure(await eraseUser(deps, await act(c))), 200) as never;
  });
  return app;
}
