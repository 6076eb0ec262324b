// POST /email/verify for programs, and the page behind the link in the mail, which a person confirms by a button.
import { createRoute } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { updateEmailVerified } from '#shared/db/identity.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../context.ts';
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
import { tokenRequest } from './schemas.ts';
import { confirmPage, verifiedPage } from './verify-page.ts';

const verifyRoute = createRoute({
  method: 'post',
  path: '/email/verify',
  tags: ['Users'],
  summary: 'Verify the address with the token from the mail',
  request: tokenRequest,
  responses: {
    204: { description: 'The address is verified' },
    ...problemResponses(
      ...(['malformed_request', 'invalid_token', 'tenant_suspended'] as const),
      ...(['address_refused', 'payload_too_large', 'unsupported_media_type', 'invalid_input'] as const),
      ...(['rate_limited', 'unavailable'] as const),
    ),
  },
});

type VerifyDeps = Pick<ApiDeps, 'db' | 'limits' | 'tenants'>;

export function verifyRoutes(deps: VerifyDeps) {
  const router = createRouter();
  router.use('/email/verify', limitBody, requireJson);
  router.openapi(verifyRoute, async (c) => {
    await verifyEmail(deps, await readOwnMailLink(deps, c, c.req.valid('json').token));
    return c.body(null, 204);
  });
  // Mail scanners follow links: looking at the page changes nothing, its button does.
  router.get('/verify-email', (c) =>
    answerLinkPage(c, async () => {
      const token = c.req.query('token') ?? '';
      return confirmPage((await readMailLink(deps, c, token)).tenant.name, token);
    }),
  );
  router.post('/verify-email', limitBody, async (c) => {
    const { token } = await readForm(c);
    return answerLinkPage(c, async () => {
      const link = await readMailLink(deps, c, token);
      await verifyEmail(deps, link);
      return verifiedPage(link.tenant.name);
    });
  });
  return router;
}

/** Spends the token. @throws Problem invalid_token when it is unknown, spent, expired, or for an older address. */
async function verifyEmail({ db }: VerifyDeps, { tenant, hash }: MailLink): Promise<void> {
  await withTenant(db.app, tenant.slug, async (tx) => {
    const { userId, email } = await spendMailLink(tx, hash, 'verify_email');
    if (!(await updateEmailVerified(tx, userId, email))) throw new Problem('invalid_token');
  });
}
