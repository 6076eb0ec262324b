// Routes by which anybody asks for a mail to an address: their answers tell nothing of who has an account.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { problemAt } from '#shared/contracts/problem.ts';
import { findAskedAt } from '#shared/db/mail-tokens.ts';
import { withTransaction } from '#shared/db/pool.ts';
import { newId } from '#shared/runtime/ids.ts';
import { mailSealContext } from '#shared/tenants/mail-tokens.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireTenant } from '../middleware/caller.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { requireUser } from './freshness.ts';
import { noStore } from './request.ts';
import { email, tenantHeader } from './schemas.ts';

/** The one answer of all routes that send a mail, or do not. */
export const mailAccepted = { status: 'accepted' as const };
export const mailAcceptedAnswer = {
  description: 'Asked for. Whether a mail leaves, and what it says, only its reader learns',
  content: { 'application/json': { schema: z.object({ status: z.literal('accepted') }) } },
};

const forgotRoute = createRoute({
  method: 'post',
  path: '/password/forgot',
  tags: ['Users'],
  summary: 'Ask for a link that sets a new password',
  description:
    'The answer is the same whether the address has an account or not, and so is what it takes. The link works ' +
    'for 30 minutes and once; a newer one ends it. Addresses that were sent enough get no more for a while.',
  request: {
    headers: tenantHeader,
    body: { required: true, content: { 'application/json': { schema: z.strictObject({ email }) } } },
  },
  responses: {
    202: mailAcceptedAnswer,
    ...problemResponses(
      ...(['malformed_request', 'tenant_required', 'tenant_suspended', 'address_refused'] as const),
      ...(['tenant_not_found', 'payload_too_large', 'unsupported_media_type', 'invalid_input'] as const),
      ...(['rate_limited', 'unavailable'] as const),
    ),
  },
});

const userOrNobody: Record<string, string[]>[] = [{ user: [] }, {}];

const resendRoute = createRoute({
  method: 'post',
  path: '/email/verification',
  tags: ['Users'],
  summary: 'Send the mail that verifies the address again',
  security: userOrNobody,
  description:
    'With an access token: to the address of its user, `{}`. Without: to `email`, named with X-Tenant, where ' +
    'nobody can log in before the address is verified. The link works for 24 hours and once; a newer one ends it.',
  request: {
    headers: tenantHeader,
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ email: email.optional() }) } },
    },
  },
  responses: {
    202: mailAcceptedAnswer,
    ...problemResponses(
      ...([
        'malformed_request',
        'tenant_required',
        'unauthenticated',
        'forbidden',
        'tenant_mismatch',
      ] as const),
      ...(['tenant_suspended', 'address_refused', 'tenant_not_found', 'payload_too_large'] as const),
      ...(['unsupported_media_type', 'invalid_input', 'rate_limited', 'unavailable'] as const),
    ),
  },
});

export function forgotRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/password/forgot', limitBody, requireJson, requireTenant(deps));
  router.openapi(forgotRoute, async (c) => {
    const address = c.req.valid('json').email;
    if (await deps.limits.mail(c, c.get('tenant'), address)) {
      await askForMail(deps, c, { template: 'reset_password', to: address });
    }
    return c.json(mailAccepted, 202, noStore);
  });
  const [byUser, byAddress] = [requireCaller(deps), requireTenant(deps)];
  const byEither = createMiddleware<ApiEnv>((c, next) =>
    c.req.header('authorization') === undefined ? byAddress(c, next) : byUser(c, next),
  );
  router.use('/email/verification', limitBody, requireJson, byEither);
  router.openapi(resendRoute, async (c) => {
    const to = recipientOf(c, c.req.valid('json').email);
    const account = 'userId' in to ? `user:${to.userId}` : to.to;
    if (await deps.limits.mail(c, c.get('tenant'), account)) {
      await askForMail(deps, c, { template: 'verify_email', ...to });
    }
    return c.json(mailAccepted, 202, noStore);
  });
  return router;
}

type Recipient = { userId: string } | { to: string };

/** @throws Problem forbidden for a platform, invalid_input when both or neither say who. */
function recipientOf(c: Context<ApiEnv>, address: string | undefined): Recipient {
  const caller = c.get('caller');
  if (caller && address === undefined) return { userId: requireUser(caller).userId };
  if (!caller && address !== undefined) return { to: address };
  const detail = caller ? 'Leave it out: the mail goes to the address of the user.' : 'Name the address.';
  throw problemAt('invalid_input', '/email', detail, 'custom');
}

/** One insert, whoever is asked about: the worker finds out whether there is anybody to write to. */
async function askForMail(
  { db, keyring, outbox }: Pick<ApiDeps, 'db' | 'keyring' | 'outbox'>,
  c: Context<ApiEnv>,
  mail: { template: 'reset_password' | 'verify_email' } & Recipient,
): Promise<void> {
  const tenant = c.get('tenant').slug;
  const { template } = mail;
  const userId = 'userId' in mail ? mail.userId : null;
  // Queues are looked at by operators, so an address that somebody typed never lies in them in clear.
  const data: EmailJob['data'] =
    'to' in mail ? { sealedTo: keyring.seal(mail.to, mailSealContext(tenant, null)) } : {};
  await withTransaction(db.app, async (tx) => {
    data.askedAt = await findAskedAt(tx);
    const cause = `${template}:${newId()}`;
    await outbox.emit(tx, [{ queue: 'email', job: { tenant, cause, template, userId, data } }]);
  });
}
