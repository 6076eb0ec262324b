// What is said of every change to a second factor: a line in the audit, and a mail to the account's owner.
import { randomUUID } from 'node:crypto';
import type { Tx } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { ApiDeps } from '../../context.ts';

type Factor = 'totp' | 'passkey';
type FactorChange = 'added' | 'removed' | 'recovery_used' | 'recovery_renewed';

const actions: Record<FactorChange, string> = {
  added: 'user.second_factor_add',
  removed: 'user.second_factor_remove',
  recovery_used: 'user.recovery_code_use',
  recovery_renewed: 'user.recovery_codes_renew',
};

interface FactorEvent {
  tenant: string;
  userId: string;
  change: FactorChange;
  factor: Factor;
}

/** In the transaction of the change. */
export async function announceChange(
  { outbox }: Pick<ApiDeps, 'outbox'>,
  tx: Tx,
  { tenant, userId, change, factor }: FactorEvent,
): Promise<void> {
  const actor = `user:${userId}`;
  await insertAudit(tx, { tenant, actor, action: actions[change], target: userId, detail: { factor } });
  const cause = `second_factor_changed:${randomUUID()}`;
  const data = { at: new Date().toISOString(), change, factor };
  await outbox.emit(tx, [
    { queue: 'email', job: { tenant, cause, template: 'second_factor_changed', userId, data } },
  ]);
}
