// POST /session/confirm: who has been logged in for a while proves again who they are.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import { findUser } from '#shared/db/identity.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { confirmSession } from '#shared/db/sessions.ts';
import type { ApiDeps, ApiEnv, UserCaller } from '../../context.ts';
import { limitBody, requireJson } from '../../middleware/body.ts';
import { requireCaller } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { requireUser } from '../freshness.ts';
import { storedPasswordOf } from '../passwords.ts';
import { password } from '../schemas.ts';
import { assertion, takeAssertion } from './assertions.ts';
import { codesOf, countTry, hasOneProof, withOwnCode } from './attempts.ts';
import { codeField, invalidCode } from './codes.ts';
import { bodyProblems, ownProblems, userSecurity } from './own-routes.ts';

const proof = z
  .strictObject({
    password: password.optional(),
    code: codeField.optional(),
    passkey: assertion.optional(),
  })
  .refine(hasOneProof('password', 'code', 'passkey'), { error: 'send one proof: password, code or passkey' })
  .openapi('Proof');

const confirmRoute = createRoute({
  method: 'post',
  path: '/session/confirm',
  tags: ['Users'],
  summary: 'Prove again who you are',
  description:
    'Makes the session as fresh as a login, for ten minutes. A code counts as second factor, too, which ' +
    'large spends may ask for, and so does a passkey whose device made sure of the user (options: `POST ' +
    '/login/passkey/options`); the password alone does not. Accounts that have none of them log in again.',
  security: userSecurity,
  request: { body: { required: true, content: { 'application/json': { schema: proof } } } },
  responses: {
    204: { description: 'The session is fresh' },
    ...problemResponses(
      ...ownProblems,
      ...bodyProblems,
      ...(['invalid_credentials', 'invalid_code', 'factor_state', 'overloaded'] as const),
    ),
  },
});

export function confirmSessionRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/session/confirm', limitBody, requireJson, requireCaller(deps));
  router.openapi(confirmRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    const given = c.req.valid('json');
    if (given.code !== undefined) {
      await withOwnCode(deps, c, caller, given.code, (tx) => refresh(tx, caller, true));
    } else if (given.passkey !== undefined) {
      await confirmByPasskey(deps, c, caller, given.passkey);
    } else if (given.password !== undefined) {
      await confirmByPassword(deps, c, caller, given.password);
    }
    return c.body(null, 204);
  });
  return router;
}

/** @throws Problem unauthenticated when the session ended meanwhile. */
async function refresh(tx: Tx, { sessionId }: UserCaller, secondFactor: boolean): Promise<void> {
  if (!(await confirmSession(tx, sessionId, secondFactor))) throw new Problem('unauthenticated');
}

/** @throws Problem rate_limited, invalid_credentials */
async function confirmByPassword(
  deps: ApiDeps,
  c: Context<ApiEnv>,
  caller: UserCaller,
  given: string,
): Promise<void> {
  const { tenant, userId } = caller;
  const user = await withTenant(deps.db.app, tenant.slug, (tx) => findUser(tx, userId));
  // Counted with the logins of the account, for it is the same guess.
  const account = user?.email ?? `password:${userId}`;
  await countTry(deps, c, { tenant, account }, async () => {
    const stored = storedPasswordOf(user);
    const { ok } = await deps.passwords.verify(tenant.slug, given, stored);
    if (!ok) {
      const detail = stored ? 'The password is wrong.' : 'The account has no password: log in again instead.';
      throw new Problem('invalid_credentials', { detail });
    }
    await withTenant(deps.db.app, tenant.slug, (tx) => refresh(tx, caller, false));
  });
}

/** @throws Problem rate_limited, invalid_code */
async function confirmByPasskey(
  deps: ApiDeps,
  c: Context<ApiEnv>,
  caller: UserCaller,
  given: z.infer<typeof assertion>,
): Promise<void> {
  const { tenant, userId } = caller;
  await countTry(deps, c, { tenant, account: codesOf(userId) }, () =>
    withTenant(deps.db.app, tenant.slug, async (tx) => {
      const proven = await takeAssertion(deps, tx, tenant.slug, given);
      if (proven.userId !== userId) throw invalidCode();
      await refresh(tx, caller, proven.verified);
    }),
  );
}
