// GET /profile and POST /password/change: what users see and change of themselves.
import { randomUUID } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findWalletBalance } from '#shared/db/balances.ts';
import { findUser, updatePassword } from '#shared/db/identity.ts';
import { spendMailTokens } from '#shared/db/mail-tokens.ts';
import { withTenant } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { ApiDeps, UserCaller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { callerSecurity, userIdField } from '../routes/schemas.ts';
import { countTry } from './factors/attempts.ts';
import { requireGoodPassword } from './password-rules.ts';
import { storedPasswordOf } from './passwords.ts';
import { noStore } from './request.ts';
import { password, userSchema } from './schemas.ts';
import { endOtherSessions } from './sessions.ts';
import { toUserView } from './user-view.ts';

const profileSchema = userSchema
  .extend({
    wallet: z.object({
      balance: z.int(),
      available: z.int().openapi({ description: 'The balance without what is held' }),
      held: z.int(),
      currency: z.string().openapi({ example: 'COIN' }),
    }),
  })
  .openapi('Profile', {
    example: {
      id: '0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77',
      email: 'ada@example.com',
      emailVerified: true,
      name: 'Ada Lovelace',
      createdAt: '2026-11-22T10:15:00.000Z',
      wallet: { balance: 120, available: 120, held: 0, currency: 'COIN' },
    },
  });

const profileRoute = createRoute({
  method: 'get',
  path: '/profile',
  tags: ['Users'],
  summary: 'The user and the wallet',
  security: callerSecurity,
  request: { query: z.object({ userId: userIdField }) },
  responses: {
    200: { description: 'The profile', content: { 'application/json': { schema: profileSchema } } },
    ...problemResponses(
      ...(['unauthenticated', 'forbidden', 'insufficient_scope', 'tenant_mismatch'] as const),
      ...(['tenant_suspended', 'user_not_found', 'invalid_input', 'unavailable'] as const),
    ),
  },
});

const passwordChange = z
  .strictObject({ currentPassword: password, newPassword: password })
  .openapi('PasswordChange');

const passwordRoute = createRoute({
  method: 'post',
  path: '/password/change',
  tags: ['Users'],
  summary: 'Change the password',
  security: [{ user: [] }],
  description: 'All other sessions of the user end at once, and a mail says so.',
  request: { body: { required: true, content: { 'application/json': { schema: passwordChange } } } },
  responses: {
    204: { description: 'Changed' },
    ...problemResponses(
      ...(['malformed_request', 'unauthenticated', 'invalid_credentials', 'forbidden'] as const),
      ...(['tenant_mismatch', 'tenant_suspended', 'payload_too_large', 'unsupported_media_type'] as const),
      ...(['invalid_input', 'password_compromised', 'rate_limited', 'overloaded'] as const),
      'unavailable',
    ),
  },
});

export function profileRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/profile', requireCaller(deps));
  router.openapi(profileRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const userId = actingUser(caller, c.req.valid('query').userId);
    const walletId = await deps.wallets.walletOf(caller.tenant, userId);
    const [user, wallet] = await withTenant(deps.db.app, caller.tenant.slug, (tx) =>
      Promise.all([findUser(tx, userId), findWalletBalance(tx, walletId)]),
    );
    if (!user || !wallet) throw new Problem('user_not_found', { detail: 'There is no such user.' });
    const { balance, held, currency } = wallet;
    return c.json(
      { ...toUserView(user), wallet: { balance, available: balance - held, held, currency } },
      200,
      noStore,
    );
  });
  router.use('/password/change', limitBody, requireJson, requireCaller(deps));
  router.openapi(passwordRoute, async (c) => {
    const caller = c.get('caller');
    if (caller.type !== 'user') {
      throw new Problem('forbidden', { detail: 'Only users themselves change their passwords.' });
    }
    // Who found a session open does not get to guess the password by it.
    const asked = { tenant: caller.tenant, account: `password:${caller.userId}` };
    await countTry(deps, c, asked, () => changePassword(deps, caller, c.req.valid('json')));
    return c.body(null, 204);
  });
  return router;
}

/** @throws Problem invalid_credentials when the current password is wrong. */
async function changePassword(
  deps: ApiDeps,
  { tenant, userId, sessionId }: UserCaller,
  given: z.infer<typeof passwordChange>,
): Promise<void> {
  const user = await withTenant(deps.db.app, tenant.slug, (tx) => findUser(tx, userId));
  const stored = storedPasswordOf(user);
  const { ok } = await deps.passwords.verify(tenant.slug, given.currentPassword, stored);
  if (!ok || !user || !stored) {
    throw new Problem('invalid_credentials', { detail: 'The current password is wrong.' });
  }
  requireGoodPassword(tenant, user.email ?? '', given.newPassword, '/newPassword');
  const fresh = await deps.passwords.hash(tenant.slug, given.newPassword);
  const ended = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    if (!(await updatePassword(tx, { id: userId, from: stored.hash, ...fresh }))) {
      throw new Problem('invalid_credentials', { detail: 'The password was changed by another request.' });
    }
    const actor = `user:${userId}`;
    await insertAudit(tx, { tenant: tenant.slug, actor, action: 'user.password_change', target: userId });
    const cause = `password_changed:${randomUUID()}`;
    await deps.outbox.emit(tx, [
      { queue: 'email', job: { tenant: tenant.slug, cause, template: 'password_changed', userId, data: {} } },
    ]);
    // A link that somebody else had mailed must not undo the change.
    await spendMailTokens(tx, userId, 'reset_password');
    await spendMailTokens(tx, userId, 'change_email');
    return endOtherSessions(tx, userId, sessionId, 'password_changed');
  });
  deps.tokens.forgetSessions(ended);
}
