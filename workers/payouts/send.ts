// Sends the money of a payout: once, whatever becomes of the process between the provider's deed and our commit of it.
import {
  findFrozenReason,
  lockPayout,
  notePayoutRef,
  type PayoutRow,
  setPayout,
} from '#shared/db/payouts.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { nextPayoutState } from '#shared/ledger/payout-states.ts';
import { movePayout, type PayoutMove } from '#shared/outbox/payout-ends.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from '../context.ts';
import type { PaymentProvider, PayoutAnswer } from '../providers/provider.ts';
import { knownTenant } from '../purchase.ts';
import { settleNow } from '../settle-now.ts';
import { JobFailed } from '../worker.ts';

export type PayoutDeps = Pick<WorkerDeps, 'db' | 'outbox' | 'tenants' | 'providers' | 'settler'>;

type Able = PaymentProvider & Required<Pick<PaymentProvider, 'payOut' | 'lookPayout'>>;

/** Whoever may pay this tenant's users. The sandbox pays nobody, so that only a sandbox tenant may call that paid. */
function ableOf({ providers }: PayoutDeps, tenant: Tenant, name: string): Able | undefined {
  const provider = providers.of(name);
  if (!provider?.payOut || !provider.lookPayout || !provider.isConfigured(tenant)) return undefined;
  return name === 'sandbox' && !tenant.sandbox ? undefined : (provider as Able);
}

/**
 * From the first call on the payout is `sent`. A job that comes again looks first, by the payout's own id, and asks
 * only for what the provider does not know, with the same key.
 * @throws ProviderUnavailable when no definite answer came; the coins stay taken, and it is asked again.
 */
export async function sendPayout(deps: PayoutDeps, slug: string, id: string): Promise<void> {
  const tenant = await knownTenant(deps.tenants, slug);
  const step = await withTenant(deps.db.app, slug, (tx) => begin(deps, tx, tenant, id));
  if (step.status === 'over') return;
  if (step.status === 'refused') return move(deps, tenant, id, { turn: 'refused', reason: step.reason });
  const { row, again } = step;
  const able = ableOf(deps, tenant, row.provider);
  // Not a refusal: it may have been paid, and its provider may come back.
  if (!able) throw new Error(`${row.provider} is not configured`);
  const known = again ? await able.lookPayout(tenant, id) : undefined;
  if (known) return apply(deps, tenant, id, known);
  // What goes with its user is not erased while a payout is under way.
  if (row.destination === null) throw new JobFailed(`payout ${id} has no destination any more`);
  const { amount, currency, destination } = row;
  await apply(deps, tenant, id, await able.payOut(tenant, { payoutId: id, amount, currency, destination }));
}

type Step =
  | { status: 'over' }
  | { status: 'refused'; reason: string }
  | { status: 'ready'; row: PayoutRow; again: boolean };

/** Nobody is paid whose wallet was frozen after the coins were taken, nor by a provider that was taken away. */
async function begin(deps: PayoutDeps, tx: Tx, tenant: Tenant, id: string): Promise<Step> {
  const row = await lockPayout(tx, id);
  if (!row) throw new JobFailed(`there is no payout ${id}`);
  if (row.provider === 'manual') return { status: 'over' };
  if (row.state === 'sent') return { status: 'ready', row, again: true };
  const state = nextPayoutState(row.state, 'sending');
  if (state === undefined) return { status: 'over' };
  if ((await findFrozenReason(tx, row.walletId)) !== null)
    return { status: 'refused', reason: 'wallet_frozen' };
  if (!ableOf(deps, tenant, row.provider)) return { status: 'refused', reason: 'provider_not_configured' };
  if (row.destination === null) return { status: 'refused', reason: 'destination_missing' };
  await setPayout(tx, id, { state });
  return { status: 'ready', row, again: false };
}

/** What a webhook says happened: only what the provider then says itself is believed. False: it is none of ours. */
export async function lookAtPayout(
  deps: PayoutDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  id: string,
): Promise<boolean> {
  const row = await withTenant(deps.db.app, tenant.slug, (tx) => lockPayout(tx, id));
  if (row?.provider !== provider.name) return false;
  const answer = await provider.lookPayout?.(tenant, id);
  if (answer) await apply(deps, tenant, id, answer);
  return answer !== undefined;
}

async function apply(deps: PayoutDeps, tenant: Tenant, id: string, answer: PayoutAnswer): Promise<void> {
  switch (answer.status) {
    case 'paid':
      return move(deps, tenant, id, { turn: 'paid', reference: answer.ref });
    case 'pending':
      return withTenant(deps.db.app, tenant.slug, (tx) => notePayoutRef(tx, id, answer.ref));
    case 'refused':
      return move(deps, tenant, id, { turn: 'refused', reason: answer.detail });
    case 'returned':
      return move(deps, tenant, id, { turn: 'back', reference: answer.ref, reason: 'returned' });
  }
}

/** The coins that come back are settled at once; if we die before, the sweep finds them. */
async function move(deps: PayoutDeps, tenant: Tenant, id: string, news: PayoutMove): Promise<void> {
  const moved = await withTenant(deps.db.app, tenant.slug, (tx) => movePayout(deps, tx, tenant, id, news));
  if (moved?.returnId) await settleNow(deps, tenant.slug, [moved.returnId], { notify: false });
}
