// Finds or makes the account of a proven identity, and logs it in.
import type { Context } from 'hono';
import type { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';
import {
  findIdentity,
  insertIdentity,
  listIdentities,
  resetAccount,
  touchIdentity,
} from '#shared/db/identities.ts';
import { findUser, insertUser, lockUserByEmail, type UserRow } from '#shared/db/identity.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { announceRevokedSessions } from '#shared/db/sessions.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { revokeSessionsOf } from '#shared/db/users.ts';
import { insertWallet } from '#shared/db/wallets.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv } from '../../context.ts';
import { completeLogin } from '../complete-login.ts';
import type { loginSchema } from '../schemas.ts';
import { announceIdentity } from './changes.ts';
import { decideFirstLogin } from './first-login.ts';
import type { ProviderIdentity } from './provider.ts';

/** Others who log in with the same identity, or take its address, at the same moment make us look again. */
const looksMax = 4;
/** Rolls the transaction back: what it had begun was overtaken. */
const overtaken = new Error('somebody else was quicker');

interface Found {
  user: UserRow;
  /** Sessions that ended with it. */
  ended: string[];
}

/** @throws Problem link_required, email_not_verified, and what `completeLogin` throws */
export async function loginByIdentity(
  deps: ApiDeps,
  c: Context<ApiEnv>,
  tenant: Tenant,
  identity: ProviderIdentity,
): Promise<z.infer<typeof loginSchema>> {
  const user = await accountOf(deps, tenant, identity);
  const answer = await completeLogin(deps, c, tenant, user, {
    method: identity.provider,
    passwordHash: null,
  });
  // The identity may have been removed since it was found, and sessions ended: then this one is given to nobody.
  const still = await withTenant(deps.db.app, tenant.slug, (tx) => findIdentity(tx, identity));
  if (still?.userId !== user.id) throw new Problem('oauth_failed', { internal: 'unlinked during the login' });
  return answer;
}

async function accountOf(deps: ApiDeps, tenant: Tenant, identity: ProviderIdentity): Promise<UserRow> {
  for (let look = 1; look <= looksMax; look += 1) {
    try {
      const { user, ended } = await withTenant(deps.db.app, tenant.slug, (tx) =>
        findOrMake(deps, tx, tenant, identity),
      );
      deps.tokens.forgetSessions(ended);
      return user;
    } catch (error) {
      if (error !== overtaken) throw error;
    }
  }
  throw new Problem('unavailable', {
    internal: 'an identity was overtaken again and again',
    retryAfterSeconds: 1,
  });
}

async function findOrMake(deps: ApiDeps, tx: Tx, tenant: Tenant, identity: ProviderIdentity): Promise<Found> {
  const knownId = await touchIdentity(tx, identity);
  if (knownId !== undefined) return { user: await mustFind(tx, knownId), ended: [] };
  const owner = identity.email === null ? undefined : await lockUserByEmail(tx, identity.email);
  const linked = owner ? await listIdentities(tx, owner.id) : [];
  const sameProvider = linked.find(({ provider }) => provider === identity.provider);
  // Linked while we waited for the lock.
  if (sameProvider?.subject === identity.subject) throw overtaken;
  const decision = decideFirstLogin(
    identity,
    owner && {
      emailVerified: owner.emailVerifiedAt !== null,
      linkedElsewhere: sameProvider !== undefined,
    },
  );
  if (decision.action === 'create') return create(deps, tx, tenant, identity, decision.withAddress);
  if (decision.action === 'ask' || !owner) throw linkRequired();
  // A blocked account is not changed by whoever owns its address; completeLogin says that it is blocked.
  if (owner.status !== 'active') return { user: owner, ended: [] };
  const ended = decision.action === 'reclaim' ? await reclaim(tx, tenant, owner.id) : [];
  if (!(await insertIdentity(tx, { ...identity, userId: owner.id }))) throw overtaken;
  await announceIdentity(deps, tx, tenant.slug, owner.id, 'linked', identity.provider);
  return { user: await mustFind(tx, owner.id), ended };
}

async function mustFind(tx: Tx, id: string): Promise<UserRow> {
  const user = await findUser(tx, id);
  if (!user) throw overtaken;
  return user;
}

const linkRequired = () =>
  new Problem('link_required', {
    detail: 'Log in to that account by its own means, and then link this one: POST /identities/{provider}.',
  });

/** What whoever opened the account left in it ends here (checklist 39): nobody else gets in by it. */
async function reclaim(tx: Tx, tenant: Tenant, userId: string): Promise<string[]> {
  await resetAccount(tx, userId);
  const ended = await revokeSessionsOf(tx, userId, 'reclaimed');
  await announceRevokedSessions(tx, ended);
  const actor = `user:${userId}`;
  await insertAudit(tx, { tenant: tenant.slug, actor, action: 'user.reclaim', target: userId });
  return ended;
}

/** An address that nobody proved stays out of the account: it would keep its owner from registering. */
async function create(
  deps: ApiDeps,
  tx: Tx,
  tenant: Tenant,
  identity: ProviderIdentity,
  withAddress: boolean,
): Promise<Found> {
  if (tenant.settings.requireVerifiedEmail && !withAddress) {
    throw new Problem('email_not_verified', {
      detail: 'This platform needs a verified address: register with yours, and then link this login.',
    });
  }
  const id = newId();
  const email = withAddress ? identity.email : null;
  const user = await insertUser(tx, {
    id,
    email,
    emailVerified: withAddress,
    name: identity.name,
    passwordHash: null,
    passwordScheme: null,
  });
  if (!user || !(await insertIdentity(tx, { ...identity, userId: id }))) throw overtaken;
  await insertWallet(tx, { id: newId(), userId: id, currency: tenant.coin.code });
  await insertAudit(tx, {
    tenant: tenant.slug,
    actor: `user:${id}`,
    action: 'user.register',
    target: id,
    detail: { provider: identity.provider },
  });
  if (email !== null) {
    const job = { tenant: tenant.slug, cause: `welcome:${id}`, template: 'welcome' as const, userId: id };
    await deps.outbox.emit(tx, [{ queue: 'email', job: { ...job, data: {} } }]);
  }
  return { user, ended: [] };
}
