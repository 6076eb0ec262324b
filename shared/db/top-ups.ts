// Statements on the rules by which wallets are topped up, and on the purchases that they make.
import { type TopUpEnd, topUpsPerDayMax } from '../contracts/payment-methods.ts';
import type { Queryable } from './pool.ts';

export interface TopUpRow {
  walletId: string;
  userId: string;
  below: number;
  /** Null: coins without a pack. */
  pack: string | null;
  /** What its user agreed to; `price` in minor units of `currency`. */
  coins: number;
  price: number;
  currency: string;
  methodId: string;
  /** Null once the method is removed. */
  methodLabel: string | null;
  maxPerDay: number;
  enabled: boolean;
  disabledReason: TopUpEnd | null;
  lastOperationId: string | null;
  createdAt: Date;
  updatedAt: Date;
}

const columns = `t.wallet_id as "walletId", t.user_id as "userId", t.below, t.pack, t.coins, t.price,
  t.currency, t.method_id as "methodId",
  (select m.label from payment_methods m where m.id = t.method_id) as "methodLabel", t.max_per_day as "maxPerDay",
  t.enabled, t.disabled_reason as "disabledReason", t.last_operation_id as "lastOperationId",
  t.created_at as "createdAt", t.updated_at as "updatedAt"`;

/** Whether any wallet of the tenant is topped up. */
export async function hasTopUps(tx: Queryable): Promise<boolean> {
  const result = await tx.query<{ some: boolean }>({
    name: 'has_top_ups',
    text: `select exists (select from top_ups where enabled) as some`,
    values: [],
  });
  return result.rows[0]?.some ?? false;
}

export async function findTopUp(tx: Queryable, walletId: string): Promise<TopUpRow | undefined> {
  const result = await tx.query<TopUpRow>(`select ${columns} from top_ups t where t.wallet_id = $1`, [
    walletId,
  ]);
  return result.rows[0];
}

export type NewTopUp = Pick<
  TopUpRow,
  'walletId' | 'userId' | 'below' | 'pack' | 'coins' | 'price' | 'currency' | 'methodId' | 'maxPerDay'
>;

/** Sets the rule of a wallet, and switches it on; what it bought last is remembered. */
export async function upsertTopUp(tx: Queryable, rule: NewTopUp): Promise<void> {
  await tx.query(
    `insert into top_ups (wallet_id, user_id, below, pack, coins, price, currency, method_id, max_per_day)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (wallet_id) do update set below = excluded.below, pack = excluded.pack, coins = excluded.coins,
       price = excluded.price, currency = excluded.currency, method_id = excluded.method_id, max_per_day = excluded.max_per_day, enabled = true, disabled_reason = null,
       updated_at = (select tenant_now())`,
    [
      ...[rule.walletId, rule.userId, rule.below, rule.pack, rule.coins, rule.price, rule.currency],
      ...[rule.methodId, rule.maxPerDay],
    ],
  );
}

/** False: there was none. */
export async function deleteTopUp(tx: Queryable, walletId: string): Promise<boolean> {
  const result = await tx.query(`delete from top_ups where wallet_id = $1`, [walletId]);
  return result.rowCount === 1;
}

/** Of a user who is erased. */
export async function deleteTopUpsOf(tx: Queryable, userId: string): Promise<void> {
  await tx.query(`delete from top_ups where user_id = $1`, [userId]);
}

/** A rule whose wallet is below its threshold, with nothing under way and purchases left for today. */
export interface DueTopUp extends Omit<TopUpRow, 'methodLabel' | 'enabled' | 'disabledReason'> {
  /** Code of the wallet's coin. */
  coin: string;
  /** Of its method; null: the method is gone. */
  provider: string | null;
  label: string | null;
}

/**
 * Rules that are to buy now, of wallets that the caller has locked and written; held until the transaction
 * ends. The day is that of the tenant's clock, in UTC. What failed counts only against the most that any rule may
 * try, however often it is switched on again: a refused card must not be tried without end.
 */
export async function lockDueTopUps(
  tx: Queryable,
  wallets: { id: string; available: number }[],
): Promise<DueTopUp[]> {
  const result = await tx.query<DueTopUp>({
    name: 'lock_due_top_ups',
    text: `select t.wallet_id as "walletId", t.user_id as "userId", t.below, t.pack, t.coins,
        t.price, t.currency, t.method_id as "methodId", t.max_per_day as "maxPerDay", t.last_operation_id as "lastOperationId",
        t.created_at as "createdAt", t.updated_at as "updatedAt", w.currency as coin, m.provider, m.label
      from unnest($1::uuid[], $2::bigint[]) as u (id, available)
      join top_ups t on t.wallet_id = u.id and t.enabled and u.available < t.below
      join wallets w on w.id = t.wallet_id and w.frozen_reason is null
      left join payment_methods m on m.id = t.method_id
      where not exists (select from operations o where o.id = t.last_operation_id
          and o.status in ('accepted', 'awaiting_payment'))
        and (select count(*) filter (where o.status <> 'failed') < t.max_per_day and count(*) < ${topUpsPerDayMax}
          from operations o join purchases p on p.operation_id = o.id
          where o.wallet_id = t.wallet_id and o.kind = 'purchase' and p.method_id is not null
            and o.created_at >= date_trunc('day', (select tenant_now()), 'UTC'))
      order by t.wallet_id for update of t`,
    values: [wallets.map(({ id }) => id), wallets.map(({ available }) => available)],
  });
  return result.rows;
}

/** The newest purchase of each of these rules, which the caller has locked. */
export async function setTopUpOperations(
  tx: Queryable,
  rows: { walletId: string; operationId: string }[],
): Promise<void> {
  await tx.query({
    name: 'set_top_up_operations',
    text: `update top_ups t set last_operation_id = u.operation_id
      from unnest($1::uuid[], $2::uuid[]) as u (wallet_id, operation_id) where t.wallet_id = u.wallet_id`,
    values: [rows.map((row) => row.walletId), rows.map((row) => row.operationId)],
  });
}

export interface EndedTopUp {
  walletId: string;
  userId: string;
  lastOperationId: string | null;
}

const ended = `returning wallet_id as "walletId", user_id as "userId", last_operation_id as "lastOperationId"`;

/** Switches a rule off. Undefined: there is none, it is off, or it relies on another method by now. */
export async function disableTopUp(
  tx: Queryable,
  rule: { walletId: string; methodId: string },
  reason: TopUpEnd,
): Promise<EndedTopUp | undefined> {
  const result = await tx.query<EndedTopUp>(
    `update top_ups set enabled = false, disabled_reason = $3, updated_at = (select tenant_now())
     where wallet_id = $1 and method_id = $2 and enabled ${ended}`,
    [rule.walletId, rule.methodId, reason],
  );
  return result.rows[0];
}

/** Switches off every rule that relies on a method which is removed. */
export async function disableTopUpsOn(tx: Queryable, methodId: string): Promise<EndedTopUp[]> {
  await tx.query(`select from top_ups where method_id = $1 order by wallet_id for update`, [methodId]);
  const result = await tx.query<EndedTopUp>(
    `update top_ups set enabled = false, disabled_reason = 'method_removed', updated_at = (select tenant_now())
     where method_id = $1 and enabled ${ended}`,
    [methodId],
  );
  return result.rows;
}

/** What is charged for a purchase. */
export interface ChargeTarget {
  customerRef: string;
  methodRef: string;
  label: string;
  frozenReason: string | null;
}

/** Undefined: its method is removed. */
export async function findChargeTarget(
  tx: Queryable,
  operationId: string,
): Promise<ChargeTarget | undefined> {
  const result = await tx.query<ChargeTarget>(
    `select m.customer_ref as "customerRef", m.method_ref as "methodRef", m.label, w.frozen_reason as "frozenReason"
     from purchases p join operations o on o.id = p.operation_id join wallets w on w.id = o.wallet_id
     join payment_methods m on m.id = p.method_id and m.user_id = o.user_id where p.operation_id = $1`,
    [operationId],
  );
  return result.rows[0];
}

/** The provider may hear of the charge from now on; the caller holds the purchase. @returns since when it may */
export async function beginCharge(tx: Queryable, operationId: string): Promise<Date> {
  const result = await tx.query<{ at: Date }>(
    `update purchases set status = 'processing', begun_at = coalesce(begun_at, now()), updated_at = now()
     where operation_id = $1 returning begun_at as at`,
    [operationId],
  );
  return result.rows[0]?.at ?? new Date();
}

/** What the provider calls the charge. */
export async function setChargeRef(tx: Queryable, operationId: string, ref: string): Promise<void> {
  await tx.query(
    `update purchases set checkout_ref = $2, detail = null, updated_at = now()
     where operation_id = $1 and checkout_ref is null`,
    [operationId, ref],
  );
}
