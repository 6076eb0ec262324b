// POST /password/reset for programs, and the page behind the link in the mail: a forgotten password is replaced.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import { deleteUnprovenLogins, resetPassword } from '#shared/db/identity.ts';
import { findMailToken, spendMailTokens } from '#shared/db/mail-tokens.ts';
import { withTenant } from '#shared/db/pool.ts';
import { announceRevokedSessions } from '#shared/db/sessions.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { revokeSessionsOf } from '#shared/db/users.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import {
  answerLinkPage,
  type MailLink,
  readForm,
  readMailLink,
  readOwnMailLink,
  spendMailLink,
} from './mail-links.ts';
import { requireGoodPassword } from './password-rules.ts';
import type { StoredPassword } from './passwords.ts';
import { newPasswordPage, passwordSetPage } from './reset-page.ts';
import { opaqueToken, password, tenantHint } from './schemas.ts';

const passwordReset = z.strictObject({ token: opaqueToken, password }).openapi('PasswordReset');

const resetRoute = createRoute({
  method: 'post',
  path: '/password/reset',
  tags: ['Users'],
  summary: 'Set a new password with the token from the mail',
  description:
    'All sessions of the user end at once, other links that were mailed die, the address counts as verified, ' +
    'and a mail says so. A password that is not taken leaves the token good. Spent, old, unknown and foreign ' +
    'tokens are one and the same: `invalid_token`. A second factor is asked for at the next login as before.',
  request: {
    headers: tenantHint,
    body: { required: true, content: { 'application/json': { schema: passwordReset } } },
  },
  responses: {
    204: { description: 'The password is set' },
    ...problemResponses(
      ...(['malformed_request', 'invalid_token', 'tenant_suspended', 'address_refused'] as const),
      ...(['payload_too_large', 'unsupported_media_type', 'invalid_input', 'password_compromised'] as const),
      ...(['rate_limited', 'overloaded', 'unavailable'] as const),
    ),
  },
});

export function resetRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/password/reset', limitBody, requireJson);
  router.openapi(resetRoute, async (c) => {
    const { token, password } = c.req.valid('json');
    await reset(deps, c, await readOwnMailLink(deps, c, token), password);
    return c.body(null, 204);
  });
  // Looking spends nothing, and nobody types a password for a link that is dead.
  router.get('/reset-password', (c) =>
    answerLinkPage(c, async () => {
      const token = c.req.query('token') ?? '';
      const link = await readMailLink(deps, c, token);
      await addressOf(deps, link);
      return newPasswordPage(link.tenant, token);
    }),
  );
  router.post('/reset-password', limitBody, async (c) => {
    const form = await readForm(c);
    return answerLinkPage(c, async () => {
      const token = String(form.token);
      const link = await readMailLink(deps, c, form.token);
      const fault = await faultOf(() => reset(deps, c, link, wellFormed(form.password)));
      return fault === undefined ? passwordSetPage(link.tenant) : newPasswordPage(link.tenant, token, fault);
    });
  });
  return router;
}

/** The address that the token was mailed to. @throws Problem invalid_token */
async function addressOf({ db }: ApiDeps, { tenant, hash }: MailLink): Promise<string> {
  const found = await withTenant(db.app, tenant.slug, (tx) => findMailToken(tx, hash, 'reset_password'));
  if (!found) throw new Problem('invalid_token');
  return found.email;
}

/** @throws Problem invalid_token, invalid_input or password_compromised (the token stays good), overloaded. */
async function reset(deps: ApiDeps, c: Context<ApiEnv>, link: MailLink, password: string): Promise<void> {
  const { tenant } = link;
  const address = await addressOf(deps, link);
  requireGoodPassword(tenant, address, password, '/password');
  const stored = await deps.passwords.hash(tenant.slug, password);
  const ended = await replacePassword(deps, link, stored);
  deps.tokens.forgetSessions(ended);
  await deps.limits.recovered(c, tenant, address);
}

/** All of it or nothing. @returns the sessions that ended. @throws Problem invalid_token */
async function replacePassword(
  deps: ApiDeps,
  { tenant, hash: tokenHash }: MailLink,
  stored: StoredPassword,
): Promise<string[]> {
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    const { userId: id, email } = await spendMailLink(tx, tokenHash, 'reset_password');
    await deleteUnprovenLogins(tx, id);
    if (!(await resetPassword(tx, { id, email, ...stored }))) throw new Problem('invalid_token');
    await spendMailTokens(tx, id, null);
    const ended = await revokeSessionsOf(tx, id, 'password_reset');
    await announceRevokedSessions(tx, ended);
    await insertAudit(tx, {
      tenant: tenant.slug,
      actor: `user:${id}`,
      action: 'user.password_reset',
      target: id,
    });
    const cause = `password_changed:${newId()}`;
    const at = new Date().toISOString();
    const template = 'password_changed';
    const job = { tenant: tenant.slug, cause, template, userId: id, data: { at } } as const;
    await deps.outbox.emit(tx, [{ queue: 'email', job }]);
    return ended;
  });
}

/** What the API says of the form's password by its schema. @throws Problem invalid_input */
function wellFormed(given: unknown): string {
  const parsed = password.safeParse(given);
  if (parsed.success) return parsed.data;
  const said = typeof given === 'string' && given !== '' ? parsed.error.issues[0]?.message : undefined;
  const detail = said === undefined ? 'Type a password.' : `The password ${said}.`;
  throw new Problem('invalid_input', { detail });
}

/** What a person is told of a password that is not taken; undefined: it was. Other failures go on. */
async function faultOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const isFault =
      error instanceof Problem && (error.code === 'invalid_input' || error.code === 'password_compromised');
    if (!isFault) throw error;
    return error.detail ?? error.title;
  }
}
