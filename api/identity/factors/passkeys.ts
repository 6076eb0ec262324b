// Passkeys of the logged-in user: registered by the browser's authenticator, and removed.
import { createRoute, z } from '@hono/zod-openapi';
import type { RegistrationResponseJSON } from '@simplewebauthn/server';
import { Problem } from '#shared/contracts/problem.ts';
import { deletePasskey, insertPasskey, listPasskeys, type PasskeyRow } from '#shared/db/factors.ts';
import { listIdentities } from '#shared/db/identities.ts';
import { findUser } from '#shared/db/identity.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { lockUser } from '#shared/db/users.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, UserCaller } from '../../context.ts';
import { limitBody, requireJson } from '../../middleware/body.ts';
import { requireCaller } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { requireFreshLogin, requireUser } from '../freshness.ts';
import { noStore } from '../request.ts';
import { opaqueToken, personName } from '../schemas.ts';
import { base64url, credentialFields, userHandleBytes } from './assertions.ts';
import { announceChange } from './changes.ts';
import { invalidCode } from './codes.ts';
import { passkeySchema, toPasskeyView } from './overview.ts';
import { bodyProblems, ownProblems, userSecurity } from './own-routes.ts';
import { optionsSchema } from './passkey-login.ts';
import {
  newState,
  type PasskeyState,
  readState,
  type StatePurpose,
  stateSeconds,
  useState,
} from './passkey-state.ts';
import { relyingParty } from './relying-party.ts';
import { loadWebAuthn } from './webauthn.ts';

/** Nobody has more devices; the list goes out with every registration. */
const passkeysMax = 20;

/** EdDSA, ES256 and RS256: every authenticator speaks one of them (COSE, RFC 9053). */
const supportedAlgorithmIDs = [-8, -7, -257];

const registration = z
  .strictObject({
    state: opaqueToken.openapi({ description: 'As it came with the options' }),
    credential: z.object({
      ...credentialFields,
      response: z.object({
        clientDataJSON: base64url,
        attestationObject: base64url,
        transports: z.array(z.string().max(32)).max(10).optional(),
      }),
    }),
    name: personName.optional().openapi({ example: 'Phone', description: 'To tell it from others' }),
  })
  .openapi('PasskeyRegistration');
type Registration = z.infer<typeof registration>;

const tags = ['Second factor'];
const common = [...ownProblems, 'factor_state'] as const;

const optionsRoute = createRoute({
  method: 'post',
  path: '/passkeys/options',
  tags,
  security: userSecurity,
  summary: 'Begin to register a passkey',
  description: 'Needs a fresh login. Passkeys work on pages of PUBLIC_URL.',
  responses: {
    200: {
      description: 'What the browser is asked',
      content: { 'application/json': { schema: optionsSchema('create') } },
    },
    ...problemResponses(...common, 'fresh_login_required'),
  },
});

const registerRoute = createRoute({
  method: 'post',
  path: '/passkeys',
  tags,
  security: userSecurity,
  summary: 'Register a passkey',
  description:
    'Within five minutes of the options, in the same session. It logs in without a password from then on, and ' +
    'a mail says so. It does not make other logins ask for it: that is what an authenticator app does.',
  request: { body: { required: true, content: { 'application/json': { schema: registration } } } },
  responses: {
    201: { description: 'Registered', content: { 'application/json': { schema: passkeySchema } } },
    ...problemResponses(...common, ...bodyProblems, 'invalid_code'),
  },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/passkeys/{id}',
  tags,
  security: userSecurity,
  summary: 'Remove a passkey',
  description: 'Needs a fresh login.',
  request: { params: z.object({ id: z.uuid() }) },
  responses: {
    204: { description: 'It opens nothing any more' },
    ...problemResponses(...common, 'fresh_login_required', 'not_found', 'last_login_method', 'invalid_input'),
  },
});

export function passkeyRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  // Includes /passkeys itself.
  router.use('/passkeys/*', ...guards);
  router.openapi(optionsRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    await requireFreshLogin(deps, caller);
    return c.json(await begin(deps, caller), 200, noStore);
  });
  router.openapi(registerRoute, async (c) => {
    const passkey = await register(deps, requireUser(c.get('caller')), c.req.valid('json'));
    return c.json(passkey, 201, noStore);
  });
  router.openapi(removeRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    await requireFreshLogin(deps, caller);
    await remove(deps, caller, c.req.valid('param').id);
    return c.body(null, 204);
  });
  return router;
}

/** The session is part of it: only who began, with a fresh login, can end it. */
const purposeOf = ({ tenant, sessionId }: UserCaller): StatePurpose => ({
  tenant: tenant.slug,
  use: `register/${sessionId}`,
});

async function begin(deps: ApiDeps, caller: UserCaller) {
  const { tenant, userId } = caller;
  const [user, passkeys] = await withTenant(deps.db.app, tenant.slug, (tx) =>
    Promise.all([findUser(tx, userId), listPasskeys(tx, userId)]),
  );
  const { generateRegistrationOptions } = await loadWebAuthn();
  const options = await generateRegistrationOptions({
    rpID: relyingParty(deps).id,
    rpName: tenant.name,
    userID: userHandleBytes(userId),
    userName: user?.email ?? userId,
    userDisplayName: user?.name ?? '',
    timeout: stateSeconds * 1000,
    supportedAlgorithmIDs,
    // Discoverable, so that a login need not name anybody.
    authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
    excludeCredentials: passkeys.map(({ credentialId, transports }) => ({
      id: credentialId.toString('base64url'),
      transports,
    })),
  });
  return { state: newState(deps.keyring, purposeOf(caller), options.challenge), options: { ...options } };
}

/** @throws Problem invalid_code, factor_state when the credential is known or there are too many. */
async function register(deps: ApiDeps, caller: UserCaller, given: Registration) {
  const { tenant, userId } = caller;
  const state = readState(deps.keyring, purposeOf(caller), given.state);
  const { credential } = await verify(deps, state, given);
  const passkey: Omit<PasskeyRow, 'createdAt' | 'lastUsedAt'> = {
    id: newId(),
    userId,
    credentialId: Buffer.from(credential.id, 'base64url'),
    publicKey: Buffer.from(credential.publicKey),
    transports: given.credential.response.transports ?? [],
    counter: credential.counter,
    name: given.name ?? null,
  };
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    await lockUser(tx, userId);
    await useState(tx, tenant.slug, state);
    const known = await listPasskeys(tx, userId);
    if (known.length >= passkeysMax || !(await insertPasskey(tx, passkey))) {
      throw new Problem('factor_state', { detail: 'It is registered already, or the account has too many.' });
    }
    await announceChange(deps, tx, { tenant: tenant.slug, userId, change: 'added', factor: 'passkey' });
    const stored = (await listPasskeys(tx, userId)).find(({ id }) => id === passkey.id);
    return toPasskeyView(stored as PasskeyRow);
  });
}

/** Origin, challenge, name and form of the key (WebAuthn section 7.1). @throws Problem invalid_code */
async function verify(deps: ApiDeps, { challenge }: PasskeyState, { credential }: Registration) {
  const party = relyingParty(deps);
  const { verifyRegistrationResponse } = await loadWebAuthn();
  const result = await verifyRegistrationResponse({
    response: { ...credential, clientExtensionResults: {} } as RegistrationResponseJSON,
    expectedChallenge: challenge,
    expectedOrigin: party.origin,
    expectedRPID: party.id,
    requireUserVerification: false,
    supportedAlgorithmIDs,
    // The library says by a plain Error what does not fit.
  }).catch(() => undefined);
  if (!result?.verified) throw invalidCode();
  return result.registrationInfo;
}

/** @throws Problem not_found, last_login_method */
async function remove(deps: ApiDeps, { tenant, userId }: UserCaller, id: string): Promise<void> {
  await withTenant(deps.db.app, tenant.slug, async (tx) => {
    await lockUser(tx, userId);
    if (!(await deletePasskey(tx, userId, id))) throw new Problem('not_found');
    await requireAnotherWay(tx, userId);
    await announceChange(deps, tx, { tenant: tenant.slug, userId, change: 'removed', factor: 'passkey' });
  });
}

async function requireAnotherWay(tx: Tx, userId: string): Promise<void> {
  const [user, linked, passkeys] = await Promise.all([
    findUser(tx, userId),
    listIdentities(tx, userId),
    listPasskeys(tx, userId),
  ]);
  if (user?.passwordHash || linked.length > 0 || passkeys.length > 0) return;
  throw new Problem('last_login_method', {
    detail:
      'Set a password or link another login first: without this passkey nobody could enter the account.',
  });
}
