// A new address for an account: asked for by its user, true once whoever reads mail at the new address says so.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { faultCode } from '#shared/db/faults.ts';
import { updateEmail } from '#shared/db/identity.ts';
import { findMailToken, insertMailToken, spendMailTokens } from '#shared/db/mail-tokens.ts';
import { withTenant } from '#shared/db/pool.ts';
import { isSessionLive } from '#shared/db/sessions.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { lockUser } from '#shared/db/users.ts';
import { newId } from '#shared/runtime/ids.ts';
import { mailSealContext, mailTokenLifetimeSeconds, newMailToken } from '#shared/tenants/mail-tokens.ts';
import type { ApiDeps, UserCaller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller } from '../middleware/caller.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { changedPage, confirmChangePage } from './change-email-page.ts';
import { mailAccepted, mailAcceptedAnswer } from './forgot.ts';
import { requireFreshLogin, requireUser } from './freshness.ts';
import {
  answerLinkPage,
  type MailLink,
  readForm,
  readMailLink,
  readOwnMailLink,
  spendMailLink,
} from './mail-links.ts';
import { noStore } from './request.ts';
import { email, tokenRequest } from './schemas.ts';
import { endOtherSessions } from './sessions.ts';

const changeRoute = createRoute({
  method: 'post',
  path: '/email/change',
  tags: ['Users'],
  summary: 'Ask for another address',
  security: [{ user: [] }],
  description:
    'Needs a login, or POST /session/confirm, of the last ten minutes. A mail with a link goes to the new ' +
    'address; nothing changes before it is confirmed. The answer does not tell whether the address has an ' +
    'account: its owner is told instead. The link works for 60 minutes and once; a newer one ends it, and so ' +
    'does ending the session that asked.',
  request: {
    body: { required: true, content: { 'application/json': { schema: z.strictObject({ email }) } } },
  },
  responses: {
    202: mailAcceptedAnswer,
    ...problemResponses(
      ...(['malformed_request', 'unauthenticated', 'forbidden', 'fresh_login_required'] as const),
      ...(['tenant_mismatch', 'tenant_suspended', 'address_refused', 'payload_too_large'] as const),
      ...(['unsupported_media_type', 'invalid_input', 'rate_limited', 'unavailable'] as const),
    ),
  },
});

const confirmRoute = createRoute({
  method: 'post',
  path: '/email/change/confirm',
  tags: ['Users'],
  summary: 'Change the address with the token from the mail',
  description:
    'The address is replaced and counts as verified, the old one is told, all sessions end but the one that ' +
    'asked, and other links that were mailed die. An address that somebody took meanwhile: `invalid_token`.',
  request: tokenRequest,
  responses: {
    204: { description: 'The address is changed' },
    ...problemResponses(
      ...(['malformed_request', 'invalid_token', 'tenant_suspended', 'address_refused'] as const),
      ...(['payload_too_large', 'unsupported_media_type', 'invalid_input', 'rate_limited'] as const),
      'unavailable',
    ),
  },
});

export function changeEmailRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/email/change', limitBody, requireJson, requireCaller(deps));
  router.openapi(changeRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    await requireFreshLogin(deps, caller);
    const address = c.req.valid('json').email;
    const { limits } = deps;
    // Both are counted: who may write to one address, and to how many addresses one user may have us write.
    const byUser = await limits.mail(c, caller.tenant, `user:${caller.userId}`);
    const toAddress = await limits.mail(c, caller.tenant, address);
    if (byUser && toAddress) await askForChange(deps, caller, address);
    return c.json(mailAccepted, 202, noStore);
  });
  router.use('/email/change/confirm', limitBody, requireJson);
  router.openapi(confirmRoute, async (c) => {
    await confirmChange(deps, await readOwnMailLink(deps, c, c.req.valid('json').token));
    return c.body(null, 204);
  });
  router.get('/change-email', (c) =>
    answerLinkPage(c, async () => {
      const token = c.req.query('token') ?? '';
      const { tenant, hash } = await readMailLink(deps, c, token);
      const found = await withTenant(deps.db.app, tenant.slug, (tx) =>
        findMailToken(tx, hash, 'change_email'),
      );
      if (!found) throw new Problem('invalid_token');
      return confirmChangePage(tenant.name, found.email, token);
    }),
  );
  router.post('/change-email', limitBody, async (c) => {
    const { token } = await readForm(c);
    return answerLinkPage(c, async () => {
      const link = await readMailLink(deps, c, token);
      await confirmChange(deps, link);
      return changedPage(link.tenant.name);
    });
  });
  return router;
}

/**
 * The same work for every address: the worker finds out whether it is free. The token is made here, and not
 * there, so that a reset of the password which comes in between ends it. @throws Problem unauthenticated
 */
async function askForChange(
  { db, keyring, outbox }: ApiDeps,
  { tenant: { slug }, userId, sessionId }: UserCaller,
  address: string,
): Promise<void> {
  const { token, hash } = newMailToken(slug);
  const purpose = 'change_email';
  await withTenant(db.app, slug, async (tx) => {
    await lockUser(tx, userId);
    if (!(await isSessionLive(tx, sessionId, userId))) throw new Problem('unauthenticated');
    await spendMailTokens(tx, userId, purpose);
    const lifetimeSeconds = mailTokenLifetimeSeconds[purpose];
    await insertMailToken(tx, { hash, userId, purpose, email: address, lifetimeSeconds, sessionId });
    const data = { sealedToken: keyring.seal(token, mailSealContext(slug, userId)) };
    const cause = `${purpose}:${newId()}`;
    await outbox.emit(tx, [
      { queue: 'email', job: { tenant: slug, cause, template: purpose, userId, data } },
    ]);
  });
}

/** All of it or nothing. @throws Problem invalid_token, also when somebody has the address by now. */
async function confirmChange(deps: ApiDeps, link: MailLink): Promise<void> {
  try {
    deps.tokens.forgetSessions(await replaceEmail(deps, link));
  } catch (error) {
    // unique_violation: somebody registered the address at the same moment.
    if (faultCode(error) === '23505') throw new Problem('invalid_token', { cause: error });
    throw error;
  }
}

/** @returns the sessions that ended */
async function replaceEmail(
  { db, keyring, outbox }: ApiDeps,
  { tenant: { slug }, hash }: MailLink,
): Promise<string[]> {
  return withTenant(db.app, slug, async (tx) => {
    const { user, userId, email: address, sessionId } = await spendMailLink(tx, hash, 'change_email');
    if (!(await updateEmail(tx, userId, address))) throw new Problem('invalid_token');
    await spendMailTokens(tx, userId, null);
    const actor = `user:${userId}`;
    await insertAudit(tx, { tenant: slug, actor, action: 'user.email_change', target: userId });
    if (user.email !== null) {
      const sealedTo = keyring.seal(user.email, mailSealContext(slug, userId));
      const data = { at: new Date().toISOString(), sealedTo };
      const cause = `email_changed:${newId()}`;
      await outbox.emit(tx, [
        { queue: 'email', job: { tenant: slug, cause, template: 'email_changed', userId, data } },
      ]);
    }
    return endOtherSessions(tx, userId, sessionId, 'email_changed');
  });
}
