// Makes the draft of an operation out of what its route knows, also for a request that is sent again much later.
import { Problem } from '#shared/contracts/problem.ts';
import { listByIdempotencyKey } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from './context.ts';
import type { OperationDraft } from './journal-row.ts';

/** What the request itself says: by it a replay is known. */
type Asked = Pick<OperationDraft, 'kind' | 'userId' | 'idempotencyKey' | 'body'>;

const nowhere = '00000000-0000-0000-0000-000000000000';

/**
 * `decide` finds out the rest, and refuses what is not possible now. A key that was used before answers with
 * its operation all the same, whatever has become of packs, coins, rates or users since: then the draft is
 * only a stand-in, which the journal leaves aside.
 */
export async function draftOf(
  deps: Pick<ApiDeps, 'db'>,
  tenant: Tenant,
  asked: Asked,
  decide: () => Promise<Omit<OperationDraft, keyof Asked>>,
): Promise<OperationDraft> {
  try {
    return { ...(await decide()), ...asked };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const keys = [asked.idempotencyKey];
    const [earlier] = await withTenant(deps.db.app, tenant.slug, (tx) => listByIdempotencyKey(tx, keys));
    if (!earlier) throw problem;
    return { ...asked, walletId: nowhere, amount: earlier.amount };
  }
}
