// What is said of every identity that is linked or unlinked: a line in the audit, and a mail to the account's owner.
import { randomUUID } from 'node:crypto';
import type { Tx } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../../context.ts';

/** In the transaction of the change. */
export async function announceIdentity(
  { outbox }: Pick<ApiDeps, 'outbox'>,
  tx: Tx,
  tenant: string,
  userId: string,
  change: 'linked' | 'unlinked',
  provider: OauthProvider,
): Promise<void> {
  const actor = `user:${userId}`;
  const action = change === 'linked' ? 'identity.link' : 'identity.unlink';
  await insertAudit(tx, { tenant, actor, action, target: userId, detail: { provider } });
  const cause = `identity_changed:${randomUUID()}`;
  const data = { change, provider };
  await outbox.emit(tx, [
    { queue: 'email', job: { tenant, cause, template: 'identity_changed', userId, data } },
  ]);
}
