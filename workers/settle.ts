// Settles operations: ONE transaction that locks the wallets, reads what waits, decides, writes and emits.
import type { Services } from '#shared/boot/services.ts';
import type { Outcome } from '#shared/contracts/operation.ts';
import { type DueOperation, listDue, lockWalletsOf } from '#shared/db/ledger.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { withEachTenant } from '#shared/db/shared-transaction.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { sendHeld } from '#shared/db/velocity.ts';
import { decide } from '#shared/ledger/decide.ts';
import { expire } from '#shared/ledger/expiry.ts';
import { decideGroup, type Ground, walletOf } from '#shared/ledger/groups.ts';
import { netOf } from '#shared/ledger/lots.ts';
import type { Decision, Held, OriginalState, WalletState } from '#shared/ledger/states.ts';
import { partiesOf } from '#shared/ledger/terms.ts';
import type { VelocitySettings } from '#shared/ledger/velocity.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { followUp } from './follow-up.ts';
import { readGround, readMembers } from './settle-ground.ts';
import { outcomesOf } from './told-outcomes.ts';
import { startTopUps } from './top-up/start.ts';
import { readyOf, type Unit, unitsOf } from './units.ts';
import { reportHeld, sendCounted } from './velocity-guard.ts';
import { remember, sendDecisions } from './write-decisions.ts';

export interface SettledBatch {
  decisions: Decision[];
  /** There was more waiting than one transaction takes. */
  more: boolean;
  /** Of those that are awaited. */
  outcomes: Outcome[];
}

export interface SettleDeps extends Pick<Services, 'db' | 'outbox' | 'balances' | 'log' | 'metrics'> {
  /** Of this tenant; left out where it has none, and then they cost nothing. */
  rules?: VelocitySettings;
  /** Somebody is to be told what happens to this tenant's books; where nobody is, that costs nothing. */
  announces?: boolean;
  /** This tenant, if any of its wallets is topped up; left out where none is, and then that costs nothing. */
  topsUp?: Tenant;
}

export interface SettleOptions {
  /** Operations decided in one transaction, at most; atomic batches are decided whole. */
  limit: number;
  /** Operations whose outcome somebody waits for. */
  awaited?: ReadonlySet<string>;
  /** Hears which operations are about to be decided. */
  onTry?: (operationIds: string[]) => void;
}

/**
 * Settles the given operations and all that waits before them on the same wallets, at most `limit` at a time.
 * An operation that is settled already is left as it is, so running this again is harmless. What a rule of
 * the tenant holds leaves the order, and those behind it go on. One that moves more wallets than are locked
 * is settled by another transaction, which locks those beside.
 */
export async function settle(
  deps: SettleDeps,
  tenant: string,
  operationIds: string[],
  options: SettleOptions,
): Promise<SettledBatch> {
  const walletIds = new Set<string>();
  const decisions: Decision[] = [];
  const outcomes: Outcome[] = [];
  for (;;) {
    const step = await settleOnce(deps, tenant, { operationIds, walletIds: [...walletIds] }, options);
    decisions.push(...step.decisions);
    const settledAt = await step.settledAt;
    if (settledAt) outcomes.push(...outcomesOf(step.decisions, options.awaited, settledAt));
    if (step.missing.length === 0) return { decisions, more: step.more, outcomes };
    for (const id of step.missing) walletIds.add(id);
  }
}

/** Books what has run out on these wallets by now, after all that waits on them. */
export async function settleExpired(deps: SettleDeps, tenant: string, walletIds: string[]): Promise<void> {
  const wanted = new Set(walletIds);
  for (;;) {
    const targets = { operationIds: [], walletIds: [...wanted], expired: true };
    const step = await settleOnce(deps, tenant, targets, { limit: expiryLimit });
    if (step.missing.length === 0 && !step.more) return;
    for (const id of step.missing) wanted.add(id);
  }
}

const expiryLimit = 2000;

interface Targets {
  operationIds: string[];
  /** Wallets to lock beside those of the operations. */
  walletIds: string[];
  expired?: boolean;
}

interface SettledStep extends Omit<SettledBatch, 'outcomes'> {
  missing: string[];
  /** Known after COMMIT, and only where one of them is awaited. */
  settledAt?: Promise<Date | undefined> | undefined;
}

const settleOnce = (
  deps: SettleDeps,
  tenant: string,
  targets: Targets,
  options: SettleOptions,
): Promise<SettledStep> =>
  withTenant(deps.db.app, tenant, (tx) => settleIn(deps, tx, tenant, targets, options), 'steady');

/** What is asked for one of several tenants. */
interface SharedRequest {
  deps: SettleDeps;
  tenant: string;
  operationIds: string[];
  awaited: ReadonlySet<string>;
}

/** What became of it; where it is not done, a transaction of its own must go on. */
export type SharedBatch = Omit<SettledBatch, 'more'> & { done: boolean };

/** As `settle`, for several tenants in one transaction. @returns in the order of the requests */
export async function settleTogether(
  db: Services['db'],
  requests: SharedRequest[],
  limit: number,
): Promise<SharedBatch[]> {
  const steps = await withEachTenant(db.app, requests, (tx, { deps, tenant, operationIds, awaited }) =>
    settleIn(deps, tx, tenant, { operationIds, walletIds: [] }, { limit, awaited }),
  );
  const batches = requests.map(async ({ awaited }, index) => {
    const { decisions, more, missing, settledAt } = steps[index] as SettledStep;
    const at = await settledAt;
    const outcomes = at ? outcomesOf(decisions, awaited, at) : [];
    return { decisions, outcomes, done: !more && missing.length === 0 };
  });
  return Promise.all(batches);
}

async function settleIn(
  deps: SettleDeps,
  tx: Tx,
  tenant: string,
  { operationIds, walletIds, expired = false }: Targets,
  { limit, awaited, onTry }: SettleOptions,
): Promise<SettledStep> {
  const [wallets, listed] = await lockAndList(tx, operationIds, walletIds, limit);
  const locked = new Set(wallets.map((wallet) => wallet.id));
  const due = listed.filter((operation) => isOnOneOf(locked, operation));
  const more = listed.length >= limit;
  if (due.length === 0 && !expired) return { decisions: [], more: false, missing: [] };
  const units = unitsOf(due, await readMembers(tx, due));
  // A wallet that was asked for and is not there never will be: its operation is refused.
  const { ready, missing } = readyOf(units, locked.union(new Set(walletIds)));
  const operations = ready.flatMap((unit) => unit.operations);
  onTry?.(operations.map((operation) => operation.id));
  const ground = await readGround(tx, wallets, operations, deps.rules);
  const before = remember(ground);
  // While it is decided and written, the cache learns that newer balances are on their way; before COMMIT, see there.
  const announced = deps.balances.supersede(tenant, wallets.map(nextRevisionOf));
  const { decisions, held } = decideAll(ground, ready);
  if (expired && missing.length === 0 && !more) {
    const now = await tenantNow(tx);
    for (const wallet of wallets) decisions.push(...expire(wallet, now));
  }
  if (ground.guard) sendCounted(tx, ground.guard);
  if (held.length > 0) {
    sendHeld(tx, held);
    tx.afterCommit(() => reportHeld(deps, tenant, held));
  }
  const settledAt = sendDecisions(tx, ground, before, decisions, awaited);
  await announced;
  await followUp(deps, tx, tenant, decisions);
  if (deps.topsUp) await startTopUps(deps, tx, deps.topsUp, { decisions, wallets: ground.wallets });
  return { decisions, more, missing, settledAt };
}

/** For as many operations a round trip takes about as long as to find their wallets once more. */
const foundTwiceMax = 50;

/** What waits is read when all locks are held. */
async function lockAndList(
  tx: Tx,
  operationIds: string[],
  walletIds: string[],
  limit: number,
): Promise<[WalletState[], DueOperation[]]> {
  const locking = lockWalletsOf(tx, operationIds, walletIds);
  if (operationIds.length <= foundTwiceMax) {
    return Promise.all([locking, listDue(tx, operationIds, walletIds, limit)]);
  }
  const wallets = await locking;
  const found = wallets.map(({ id }) => id);
  return [wallets, await listDue(tx, [], found, limit)];
}

/** Not so for one whose wallet was made between the two statements: its own job comes. */
const isOnOneOf = (locked: Set<string>, { walletId, terms }: DueOperation): boolean =>
  locked.has(walletId) || partiesOf(terms).some((id) => locked.has(id));

/** Unit by unit: first what has run out by its time, then itself. All in the order in which it happened. */
function decideAll(ground: Ground, units: Unit[]): { decisions: Decision[]; held: Held[] } {
  const decisions: Decision[] = [];
  const held: Held[] = [];
  for (const { operations, walletIds } of units) {
    const [first] = operations;
    if (first === undefined) continue;
    for (const id of walletIds) {
      const wallet = ground.wallets.get(id);
      if (wallet) decisions.push(...expire(wallet, first.at));
    }
    const outcomes =
      first.groupId === null
        ? [decide(walletOf(ground, first), first, ground.originals, ground.guard, ground)]
        : decideGroup(ground, operations);
    for (const outcome of outcomes) {
      if (outcome.status === 'held') held.push(outcome);
      else {
        rememberDecision(ground.originals, outcome);
        decisions.push(outcome);
      }
    }
  }
  return { decisions, held };
}

/** The lowest that can be committed now; of a batch that changes nothing, balances are read from Postgres for a while. */
const nextRevisionOf = ({ id, revision }: WalletState) => ({ id, revision: revision + 1 });

/** A later operation of the same batch may undo this one. */
function rememberDecision(originals: ReadonlyMap<string, OriginalState>, decision: Decision): void {
  const original = originals.get(decision.operation.id);
  if (!original) return;
  original.status = decision.status;
  if (decision.status === 'applied') {
    original.amount = decision.amount;
    const burns = ['spend', 'capture', 'payout'].includes(original.kind);
    if (burns) original.lots = netOf(decision.postings.flatMap((each) => each.lots));
  }
}
