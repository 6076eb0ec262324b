// Stored payment methods of a user: shown, removed by their owner or the platform, and gone with the account.
import { z } from '@hono/zod-openapi';
import type { Services } from '#shared/boot/services.ts';
import type { OutboxEvent, TopUpNews } from '#shared/contracts/events.ts';
import { Problem } from '#shared/contracts/problem.ts';
import {
  deletePaymentMethod,
  deletePaymentMethodsOf,
  findPaymentMethod,
  type PaymentMethodRow,
} from '#shared/db/payment-methods.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { deleteTopUpsOf, disableTopUpsOn } from '#shared/db/top-ups.ts';
import { newsOfTopUps, wantsNews } from '#shared/outbox/news.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, Caller } from '../context.ts';

export const noSuchMethod = () =>
  new Problem('payment_method_not_found', { detail: 'There is no such payment method.' });

// What is no id cannot exist; Postgres would call it malformed.
const isId = (id: string) => z.uuid().safeParse(id).success;

/** Who let money be taken without being there, and who ended that. */
export function auditAct(
  tx: Tx,
  caller: Caller,
  action: string,
  userId: string,
  detail: object,
): Promise<void> {
  const actor = caller.type === 'user' ? `user:${caller.userId}` : `key:${caller.keyId}`;
  return insertAudit(tx, { tenant: caller.tenant.slug, actor, action, target: userId, detail });
}

/** The provider forgets it, too, as soon as it can be reached. */
const detach = (tenant: string, { provider, methodRef }: PaymentMethodRow): OutboxEvent => ({
  queue: 'provider',
  job: { tenant, task: 'detach', provider, methodRef },
});

/** Rules that rely on it are switched off. @throws Problem payment_method_not_found, also for another user's */
export async function removeMethod(
  { db, outbox }: Pick<ApiDeps, 'db' | 'outbox'>,
  caller: Caller,
  id: string,
): Promise<void> {
  const { tenant } = caller;
  const { slug } = tenant;
  if (!isId(id)) throw noSuchMethod();
  await withTenant(db.app, slug, async (tx) => {
    const found = await findPaymentMethod(tx, id);
    const isTheirs = caller.type === 'platform' || found?.userId === caller.userId;
    const removed = found && isTheirs ? await deletePaymentMethod(tx, id) : undefined;
    if (!removed) throw noSuchMethod();
    const ended = await disableTopUpsOn(tx, id);
    const news = ended.map(({ walletId, userId }): TopUpNews => {
      const about = { walletId, userId, operationId: null };
      return { change: 'disabled', id: newId(), ...about, reason: 'method_removed' };
    });
    const told = news.length > 0 && wantsNews(tenant) ? [newsOfTopUps(slug, news)] : [];
    await outbox.emit(tx, [detach(slug, removed), ...told]);
    await auditAct(tx, caller, 'payment_method.removed', removed.userId, { methodId: id });
  });
}

/** All that would charge a user who is erased. */
export async function eraseTopUps(
  { outbox }: Pick<Services, 'outbox'>,
  tx: Tx,
  tenant: string,
  userId: string,
): Promise<void> {
  await deleteTopUpsOf(tx, userId);
  const removed = await deletePaymentMethodsOf(tx, userId);
  await outbox.emit(
    tx,
    removed.map((method) => detach(tenant, method)),
  );
}
