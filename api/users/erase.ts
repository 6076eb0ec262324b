// Takes what is personal about a user out of everything we hold, in one transaction, and leaves the books whole.
import { Problem } from '#shared/contracts/problem.ts';
import {
  deleteCredentials,
  eraseMails,
  eraseProviderEvents,
  eraseReturnAddresses,
  eraseTexts,
  eraseWebhookTexts,
  findErasureObstacle,
  listPurchaseMarks,
  setErased,
} from '#shared/db/erasure.ts';
import { freezeWallet } from '#shared/db/freezes.ts';
import { erasePayouts } from '#shared/db/payouts.ts';
import type { Tx } from '#shared/db/pool.ts';
import { endSchedulesOf } from '#shared/db/schedules.ts';
import { announceRevokedSessions } from '#shared/db/sessions.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { mailSealContext } from '#shared/tenants/mail-tokens.ts';
import type { ApiDeps } from '../context.ts';
import { eraseTopUps } from '../top-ups/methods.ts';
import { onUser, type UserAct } from './standing.ts';

type EraseDeps = Pick<ApiDeps, 'db' | 'keyring' | 'outbox' | 'tokens'>;

export interface Erasure {
  userId: string;
  erasedAt: Date;
  /** What was left in the wallets and nobody can spend any more; it stays in the books. */
  coinsForfeited: number;
  coinsOwed: number;
}

const obstacles = {
  review: 'A payment of this user waits for a review: decide that first.',
  dispute:
    'A bank decides about a payment of this user: what is held is evidence until then (GDPR, article 17(3)(e)).',
  payout: 'A payout to this user is under way: it must be paid or fail first.',
};

/**
 * Erases a user, for good. Purchases under way stay: money that still comes is booked, its coins lie in the
 * frozen wallet. Whoever registers with the address afterwards is somebody new.
 * @throws Problem user_not_found, also when it was done before; payment_state while a payment of the user is
 * in review or in dispute, or a payout under way.
 */
export async function eraseUser(deps: EraseDeps, act: UserAct): Promise<Erasure> {
  const { tenant, userId, actor } = act;
  const { ended, erasure } = await onUser(deps, act, async (tx, { email }, wallets) => {
    const obstacle = await findErasureObstacle(tx, userId);
    if (obstacle) throw new Problem('payment_state', { detail: obstacles[obstacle] });
    const erasedAt = await setErased(tx, userId);
    const sessions = await deleteCredentials(tx, userId);
    await announceRevokedSessions(tx, sessions);
    for (const { id } of wallets) {
      await freezeWallet(tx, { walletId: id, cause: 'erased', reason: 'erased' });
    }
    const purchases = await listPurchaseMarks(tx, userId);
    await eraseReturnAddresses(
      tx,
      tenant,
      purchases.map((each) => each.id),
    );
    await eraseTexts(tx, userId);
    await endSchedulesOf(tx, userId);
    await eraseTopUps(deps, tx, tenant, userId);
    await erasePayouts(tx, tenant, userId);
    await eraseWebhookTexts(tx, tenant, userId);
    await eraseProviderEvents(tx, tenant, purchases);
    await eraseMails(tx, tenant, userId);
    await insertAudit(tx, { tenant, actor, action: 'user.erase', target: userId });
    if (email !== null) await tellOldAddress(deps, tx, tenant, userId, email);
    const coinsForfeited = wallets.reduce((sum, wallet) => sum + wallet.balance, 0);
    const coinsOwed = wallets.reduce((sum, wallet) => sum + wallet.debt, 0);
    return { ended: sessions, erasure: { userId, erasedAt, coinsForfeited, coinsOwed } };
  });
  deps.tokens.forgetSessions(ended);
  return erasure;
}

/** The address is nowhere else by the time the mail is made; its job is emptied once it has left. */
async function tellOldAddress(
  { keyring, outbox }: EraseDeps,
  tx: Tx,
  tenant: string,
  userId: string,
  email: string,
): Promise<void> {
  const sealedTo = keyring.seal(email, mailSealContext(tenant, userId));
  const job = { tenant, cause: `account_erased:${userId}`, template: 'account_erased' as const, userId };
  await outbox.emit(tx, [{ queue: 'email', job: { ...job, data: { sealedTo } } }]);
}
