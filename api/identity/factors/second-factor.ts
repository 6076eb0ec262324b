// What users see and change of their second factor: an authenticator app and its recovery codes.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { deleteTotp, findTotp, insertTotp, replaceRecoveryCodes } from '#shared/db/factors.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { lockUser } from '#shared/db/users.ts';
import { newId } from '#shared/runtime/ids.ts';
import { factorContext } from '#shared/tenants/sealed-values.ts';
import type { ApiDeps, UserCaller } from '../../context.ts';
import { limitBody, requireJson } from '../../middleware/body.ts';
import { requireCaller } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { requireFreshLogin, requireUser } from '../freshness.ts';
import { noStore } from '../request.ts';
import { codesOf, countTry, withOwnCode } from './attempts.ts';
import { announceChange } from './changes.ts';
import { codeField, invalidCode, takeTotpCode } from './codes.ts';
import { bodyProblems, ownProblems, userSecurity } from './own-routes.ts';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.ts';
import { newTotp } from './totp.ts';

const tags = ['Second factor'];

const setupSchema = z
  .object({
    secret: z
      .string()
      .openapi({ description: 'Base32, for typing', example: 'VEGBALZTXEHJJS6VSDERKPMF6U75BO26' }),
    uri: z
      .string()
      .openapi({ description: 'For a QR code', example: 'otpauth://totp/Acme:ada%40example.com?…' }),
  })
  .openapi('TotpSetup');

const recoverySchema = z
  .object({ recoveryCodes: z.array(z.string().openapi({ example: 'k7m2q-x9pwd-4hn8c' })) })
  .openapi('RecoveryCodes');

const codeBody = {
  required: true,
  content: { 'application/json': { schema: z.strictObject({ code: codeField }).openapi('Code') } },
};

const withCode = ['invalid_code', 'factor_state'] as const;

const setupRoute = createRoute({
  method: 'post',
  path: '/second-factor/totp',
  tags,
  security: userSecurity,
  summary: 'Set up an authenticator app',
  description:
    'Needs a fresh login. The secret is shown once, and nothing asks for codes before one has confirmed it. ' +
    'Setting up again replaces a secret that was not confirmed.',
  responses: {
    201: { description: 'To be confirmed', content: { 'application/json': { schema: setupSchema } } },
    ...problemResponses(...ownProblems, 'fresh_login_required', 'factor_state'),
  },
});

const confirmRoute = createRoute({
  method: 'post',
  path: '/second-factor/totp/confirm',
  tags,
  security: userSecurity,
  summary: 'Confirm the authenticator app by its first code',
  description:
    'From then on every login asks for a code, and a mail says so. The recovery codes are shown once; each ' +
    'stands in for one code of the app.',
  request: { body: codeBody },
  responses: {
    200: { description: 'It is on', content: { 'application/json': { schema: recoverySchema } } },
    ...problemResponses(...ownProblems, ...bodyProblems, ...withCode),
  },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/second-factor/totp',
  tags,
  security: userSecurity,
  summary: 'Remove the authenticator app and its recovery codes',
  description: 'Needs a fresh login and a code (of the app, or a recovery code).',
  request: { body: codeBody },
  responses: {
    204: { description: 'Logins ask for the first factor only' },
    ...problemResponses(...ownProblems, ...bodyProblems, ...withCode, 'fresh_login_required'),
  },
});

const renewRoute = createRoute({
  method: 'post',
  path: '/second-factor/recovery-codes',
  tags,
  security: userSecurity,
  summary: 'Make new recovery codes',
  description: 'The old ones are void.',
  request: { body: codeBody },
  responses: {
    200: { description: 'The new ones', content: { 'application/json': { schema: recoverySchema } } },
    ...problemResponses(...ownProblems, ...bodyProblems, ...withCode),
  },
});

export function totpRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  for (const path of ['totp', 'totp/confirm', 'recovery-codes'])
    router.use(`/second-factor/${path}`, ...guards);

  router.openapi(setupRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    await requireFreshLogin(deps, caller);
    return c.json(await setUp(deps, caller), 201, noStore);
  });
  router.openapi(confirmRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    const { code } = c.req.valid('json');
    const asked = { tenant: caller.tenant, account: codesOf(caller.userId) };
    const recoveryCodes = await countTry(deps, c, asked, () => confirm(deps, caller, code));
    return c.json({ recoveryCodes }, 200, noStore);
  });
  router.openapi(removeRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    await requireFreshLogin(deps, caller);
    await withOwnCode(deps, c, caller, c.req.valid('json').code, async (tx) => {
      await deleteTotp(tx, caller.userId);
      await announceChange(deps, tx, { ...namesOf(caller), change: 'removed', factor: 'totp' });
    });
    return c.body(null, 204);
  });
  router.openapi(renewRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    const recoveryCodes = await withOwnCode(deps, c, caller, c.req.valid('json').code, async (tx) => {
      await announceChange(deps, tx, { ...namesOf(caller), change: 'recovery_renewed', factor: 'totp' });
      return renewRecoveryCodes(tx, caller.userId);
    });
    return c.json({ recoveryCodes }, 200, noStore);
  });
  return router;
}

const namesOf = ({ tenant, userId }: UserCaller) => ({ tenant: tenant.slug, userId });

/** @throws Problem factor_state when there is one already. */
async function setUp(
  { db, keyring }: ApiDeps,
  { tenant, userId }: UserCaller,
): Promise<z.infer<typeof setupSchema>> {
  return withTenant(db.app, tenant.slug, async (tx) => {
    const user = await lockUser(tx, userId);
    const totp = newTotp(tenant.name, user?.email ?? userId);
    const secretSealed = keyring.seal(totp.secret, factorContext(tenant.slug, userId));
    if (await insertTotp(tx, { id: newId(), userId, secretSealed })) return totp;
    throw new Problem('factor_state', {
      detail: 'An authenticator app is set up already: remove it first.',
    });
  });
}

/** @throws Problem factor_state when nothing waits to be confirmed, invalid_code */
async function confirm(deps: ApiDeps, caller: UserCaller, code: string): Promise<string[]> {
  const account = namesOf(caller);
  return withTenant(deps.db.app, account.tenant, async (tx) => {
    await lockUser(tx, account.userId);
    const totp = await findTotp(tx, account.userId);
    if (!totp || totp.confirmedAt !== null) {
      throw new Problem('factor_state', { detail: 'No authenticator app waits to be confirmed.' });
    }
    if (!(await takeTotpCode(deps, tx, account, totp, code))) throw invalidCode();
    await announceChange(deps, tx, { ...account, change: 'added', factor: 'totp' });
    return renewRecoveryCodes(tx, account.userId);
  });
}

/** Stores the hashes, and returns what is shown once. */
async function renewRecoveryCodes(tx: Tx, userId: string): Promise<string[]> {
  const codes = newRecoveryCodes();
  const rows = codes.map((code) => ({ id: newId(), hash: recoveryCodeHash(userId, code) as Buffer }));
  await replaceRecoveryCodes(tx, userId, rows);
  return codes;
}
