// Tries at a second factor: each is counted before anything is looked at, and given back when it was right.
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import { findTotp } from '#shared/db/factors.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv, UserCaller } from '../../context.ts';
import { takeCode } from './codes.ts';

interface Try {
  tenant: Tenant;
  /** Codes and passwords are counted apart: a right password must not wipe out the wrong codes before it. */
  account: string;
  device?: string | null;
}

/** What tries at a user's codes are counted under. */
export const codesOf = (userId: string) => `user:${userId}`;

/**
 * Runs `work` as one counted try. Only a wrong proof stays counted, and only a right one wipes the count out:
 * whatever else went wrong proves nothing. @throws Problem rate_limited, and what `work` throws
 */
export async function countTry<T>(
  { limits }: Pick<ApiDeps, 'limits'>,
  c: Context<ApiEnv>,
  { tenant, account, device }: Try,
  work: () => Promise<T>,
): Promise<T> {
  const attempt = await limits.login(c, tenant, account, device ?? undefined);
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (!isWrongProof(error)) await attempt.abandoned();
    throw error;
  }
  await attempt.succeeded();
  return result;
}

const isWrongProof = (error: unknown) =>
  error instanceof Problem && (error.code === 'invalid_code' || error.code === 'invalid_credentials');

/**
 * Spends a code of the caller's own second factor and does `work` in the same transaction, as a counted try.
 * @throws Problem rate_limited, factor_state when there is no second factor, invalid_code
 */
export function withOwnCode<T>(
  deps: Pick<ApiDeps, 'db' | 'keyring' | 'limits' | 'outbox'>,
  c: Context<ApiEnv>,
  { tenant, userId }: UserCaller,
  code: string,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  return countTry(deps, c, { tenant, account: codesOf(userId) }, () =>
    withTenant(deps.db.app, tenant.slug, async (tx) => {
      const totp = await findTotp(tx, userId);
      if (!totp || totp.confirmedAt === null) {
        throw new Problem('factor_state', { detail: 'The account has no authenticator app that is set up.' });
      }
      await takeCode(deps, tx, { tenant: tenant.slug, userId }, code);
      return work(tx);
    }),
  );
}

/** For bodies that may hold several kinds of proof: they hold exactly one. */
export const hasOneProof =
  <Name extends string>(...names: Name[]) =>
  (given: { [name in Name]?: unknown }): boolean =>
    names.filter((name) => given[name] !== undefined).length === 1;
