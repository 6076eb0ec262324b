// GET /second-factor: what users have beside the password, without anything secret.
import { createRoute, z } from '@hono/zod-openapi';
import { countFactors, findTotp, listPasskeys, type PasskeyRow } from '#shared/db/factors.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../../context.ts';
import { requireCaller } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { requireUser } from '../freshness.ts';
import { noStore } from '../request.ts';
import { ownProblems, userSecurity } from './own-routes.ts';

export const passkeySchema = z
  .object({
    id: z.uuid(),
    name: z.string().nullable(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .openapi('Passkey');

const overviewSchema = z
  .object({
    totp: z
      .object({ confirmed: z.boolean(), createdAt: z.iso.datetime() })
      .nullable()
      .openapi({ description: 'Logins ask for it once it is confirmed' }),
    recoveryCodesLeft: z.int(),
    passkeys: z.array(passkeySchema),
  })
  .openapi('SecondFactors');

const overviewRoute = createRoute({
  method: 'get',
  path: '/second-factor',
  tags: ['Second factor'],
  security: userSecurity,
  summary: 'What is set up',
  responses: {
    200: { description: 'What is set up', content: { 'application/json': { schema: overviewSchema } } },
    ...problemResponses(...ownProblems),
  },
});

export function overviewRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/second-factor', requireCaller(deps));
  router.openapi(overviewRoute, async (c) => {
    const { tenant, userId } = requireUser(c.get('caller'));
    const [totp, { recoveryCodes }, passkeys] = await withTenant(deps.db.app, tenant.slug, (tx) =>
      Promise.all([findTotp(tx, userId), countFactors(tx, userId), listPasskeys(tx, userId)]),
    );
    return c.json(
      {
        totp: totp ? { confirmed: totp.confirmedAt !== null, createdAt: totp.createdAt.toISOString() } : null,
        recoveryCodesLeft: recoveryCodes,
        passkeys: passkeys.map(toPasskeyView),
      },
      200,
      noStore,
    );
  });
  return router;
}

export const toPasskeyView = ({ id, name, createdAt, lastUsedAt }: PasskeyRow) => ({
  id,
  name,
  createdAt: createdAt.toISOString(),
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
});
