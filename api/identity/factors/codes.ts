// The one place where a code is checked and spent, whichever route it was sent to.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { deleteRecoveryCode, findTotp, type TotpRow, takeTotpStep } from '#shared/db/factors.ts';
import type { Tx } from '#shared/db/pool.ts';
import { lockUser } from '#shared/db/users.ts';
import { factorContext } from '#shared/tenants/sealed-values.ts';
import type { ApiDeps } from '../../context.ts';
import { announceChange } from './changes.ts';
import { recoveryCodeHash } from './recovery-codes.ts';
import { stepOfCode } from './totp.ts';

type CodeDeps = Pick<ApiDeps, 'keyring' | 'outbox'>;

interface Account {
  /** The tenant's slug. */
  tenant: string;
  userId: string;
}

/** Of any form: whether a code is good is said in one way, whatever is wrong with it. */
export const codeField = z.string().min(1).max(64).openapi({
  description: 'Six digits of the authenticator app, or a recovery code',
  example: '492039',
});

/** Says which route the code came from in nothing: wrong, old, used and missing look alike. */
export const invalidCode = () =>
  new Problem('invalid_code', { detail: 'The code is wrong, too old, or was used before.' });

/**
 * Spends a code of the user's confirmed second factor, in the caller's transaction. Count the attempt
 * before (`limits.login` with `user:<id>`): six digits are few.
 * @throws Problem invalid_code, which must roll the transaction back.
 */
export async function takeCode(deps: CodeDeps, tx: Tx, account: Account, code: string): Promise<void> {
  // Whatever changes an account takes the user first, so that none waits for the other in a circle.
  await lockUser(tx, account.userId);
  const totp = await findTotp(tx, account.userId);
  if (!totp || totp.confirmedAt === null) throw invalidCode();
  if (await takeTotpCode(deps, tx, account, totp, code)) return;
  const hash = recoveryCodeHash(account.userId, code);
  if (!hash || !(await deleteRecoveryCode(tx, account.userId, hash))) throw invalidCode();
  await announceChange(deps, tx, { ...account, change: 'recovery_used', factor: 'totp' });
}

/** False: it is not a code of this authenticator, or it was taken before. */
export async function takeTotpCode(
  { keyring }: CodeDeps,
  tx: Tx,
  { tenant, userId }: Account,
  totp: TotpRow,
  code: string,
): Promise<boolean> {
  const digits = code.replaceAll(/\s/g, '');
  if (!/^\d{6}$/.test(digits)) return false;
  const step = stepOfCode(keyring.open(totp.secretSealed, factorContext(tenant, userId)), digits);
  return step !== undefined && takeTotpStep(tx, totp.id, step);
}
