// Statements that read all that is held about one user, as lines of JSON from one snapshot, however many.
import type { Tx } from './pool.ts';

/** Rows of one part of the export that are in memory at a time. */
const pageRows = 500;

export interface ExportPart {
  name: string;
  /** One column for each member; `$1` is the user, `$2` the tenant. */
  text: string;
}

/** By the wallet, which has an index of its purchases; all operations of a user take a look at each of the tenant's. */
const ofPurchases = (table: string) => `from operations o ${table}
  where o.wallet_id = any(array(select id from wallets where user_id = $1)) and o.kind = 'purchase'`;

/** In the order of the file. Secrets, hashes and operators' notes are none of it. */
export const exportParts: ExportPart[] = [
  {
    name: 'identities',
    text: `select provider, subject, email, created_at as "createdAt", last_used_at as "lastUsedAt"
      from identities where user_id = $1 order by created_at`,
  },
  {
    name: 'factors',
    text: `select kind, name, created_at as "createdAt", confirmed_at as "confirmedAt", last_used_at as "lastUsedAt"
      from factors where user_id = $1 order by created_at, id`,
  },
  {
    name: 'sessions',
    text: `select id, method, address, user_agent as "userAgent", created_at as "createdAt",
        last_seen_at as "lastSeenAt", authenticated_at as "authenticatedAt", second_factor_at as "secondFactorAt",
        expires_at as "expiresAt", revoked_at as "revokedAt", revoked_reason as "revokedReason"
      from sessions where user_id = $1 order by created_at, id`,
  },
  {
    name: 'mailLinks',
    text: `select purpose, email, created_at as "createdAt", expires_at as "expiresAt", used_at as "usedAt"
      from mail_tokens where user_id = $1 order by created_at`,
  },
  {
    name: 'wallets',
    text: `select id, currency, balance, bonus, held, debt, version, frozen_reason as "frozenReason",
        created_at as "createdAt" from wallets where user_id = $1 order by id`,
  },
  {
    name: 'lots',
    text: `select l.id, l.wallet_id as "walletId", l.bucket, l.coins, l.price, l.currency,
        l.priority, l.expires_at as "expiresAt", l.created_at as "createdAt"
      from lots l join wallets w on w.id = l.wallet_id where w.user_id = $1 order by l.created_at, l.id`,
  },
  {
    name: 'holds',
    text: `select h.id, h.wallet_id as "walletId", h.amount, h.captured, h.status, h.expires_at as "expiresAt",
        h.created_at as "createdAt", h.updated_at as "updatedAt"
      from holds h join wallets w on w.id = h.wallet_id where w.user_id = $1 order by h.id`,
  },
  {
    name: 'freezes',
    text: `select f.wallet_id as "walletId", f.cause, f.reason, f.created_at as "createdAt", f.lifted_at as "liftedAt"
      from wallet_freezes f join wallets w on w.id = f.wallet_id where w.user_id = $1 order by f.created_at, f.cause`,
  },
  {
    name: 'operations',
    text: `select o.id, o.kind, o.status, o.amount, o.bucket, o.wallet_id as "walletId",
        o.original_id as "originalOperationId", o.idempotency_key as "idempotencyKey", o.reference, o.metadata, o.note,
        o.reason, o.balance_after as "balanceAfter", o.wallet_version as "walletVersion",
        o.terms->'item' as item, (o.terms->>'units')::bigint as units, o.created_at as "createdAt", o.settled_at as "settledAt" from operations o where o.user_id = $1 order by o.id`,
  },
  {
    name: 'history',
    text: `select e.wallet_id as "walletId", e.version, e.operation_id as "operationId", e.amount, e.bonus,
        e.balance_after as "balanceAfter", e.created_at as "createdAt"
      from entries e join wallets w on w.id = e.wallet_id
      where w.user_id = $1 and e.account = 'wallet' order by e.wallet_id, e.version`,
  },
  {
    name: 'entitlements',
    text: `select id, item, kind, quantity, used, revoked, created_at as "createdAt", updated_at as "updatedAt"
      from entitlements where user_id = $1 order by id`,
  },
  {
    name: 'schedules',
    text: `select id, kind, wallet_id as "walletId", first_at as "firstAt", every, until, remaining, occurrence,
        next_at as "nextAt", status, reason, draft->>'reference' as reference, created_at as "createdAt"
      from schedules where user_id = $1 order by id`,
  },
  {
    name: 'paymentMethods',
    text: `select id, provider, customer_ref as "customerRef", method_ref as "methodRef", label,
        created_at as "createdAt" from payment_methods where user_id = $1 order by id`,
  },
  {
    name: 'topUps',
    text: `select wallet_id as "walletId", below, pack, coins, price, currency, method_id as "methodId",
        max_per_day as "maxPerDay", enabled, disabled_reason as "disabledReason",
        last_operation_id as "lastOperationId", created_at as "createdAt", updated_at as "updatedAt"
      from top_ups where user_id = $1 order by wallet_id`,
  },
  {
    name: 'payoutDestinations',
    text: `select id, provider, ref, current, created_at as "createdAt" from payout_destinations
      where user_id = $1 order by id`,
  },
  {
    name: 'payouts',
    text: `select operation_id as id, wallet_id as "walletId", coins, amount, currency, provider,
        destination_id as "destinationId", state, reference, reason, sent_at as "sentAt", created_at as "createdAt",
        updated_at as "updatedAt" from payouts where user_id = $1 order by operation_id`,
  },
  {
    name: 'purchases',
    text: `select p.operation_id as id, p.provider, p.pack, p.coins, p.price, p.currency, p.status,
        p.return_url as "returnUrl", p.checkout_ref as "checkoutRef", p.payment_ref as "paymentRef", p.refunded,
        p.disputed, p.created_at as "createdAt", p.updated_at as "updatedAt"
      ${ofPurchases('join purchases p on p.operation_id = o.id')} order by p.operation_id`,
  },
  {
    name: 'refunds',
    text: `select r.operation_id as id, r.purchase_id as "purchaseId", r.origin, r.amount, r.currency, r.status,
        r.refund_ref as "refundRef", r.created_at as "createdAt", r.updated_at as "updatedAt"
      ${ofPurchases('join purchase_refunds r on r.purchase_id = o.id')} order by r.created_at`,
  },
  {
    name: 'disputes',
    text: `select d.purchase_id as "purchaseId", d.provider, d.ref, d.state, d.amount, d.withdrawn, d.currency, d.reason,
        d.outcome, d.created_at as "createdAt", d.updated_at as "updatedAt"
      ${ofPurchases('join purchase_disputes d on d.purchase_id = o.id')} order by d.created_at`,
  },
  {
    name: 'mails',
    text: `select template, status, created_at as "createdAt", updated_at as "updatedAt" from coinlane.mails
      where tenant = $2 and user_id = $1 order by created_at, cause`,
  },
  {
    name: 'audit',
    text: `select at, actor, action, target, detail from coinlane.audit
      where tenant = $2 and (target = $1 or actor = 'user:' || $1
        or target = any(array(select w.id::text from wallets w where w.user_id = $1::uuid)))
      order by id`,
  },
];

/** The account itself. */
export async function findExportProfile(tx: Tx, userId: string): Promise<string | undefined> {
  const result = await tx.query<{ line: string }>(
    `select row_to_json(r)::text as line from (
       select id, email, email_verified_at as "emailVerifiedAt", name, status, created_at as "createdAt",
         updated_at as "updatedAt", password_hash is not null as "hasPassword", banned_at as "bannedAt",
         ban_reason as "banReason", erased_at as "erasedAt" from users where id = $1) r`,
    [userId],
  );
  return result.rows[0]?.line;
}

/** The rows of a part, each as JSON text, page by page through a cursor of the caller's transaction. */
export async function* readExportPart(
  tx: Tx,
  { text }: ExportPart,
  userId: string,
  tenant: string,
): AsyncGenerator<string[]> {
  await tx.query(
    `declare export_rows no scroll cursor for select row_to_json(r)::text as line from (${text}) r`,
    text.includes('$2') ? [userId, tenant] : [userId],
  );
  for (;;) {
    const page = await tx.query<{ line: string }>(`fetch ${pageRows} from export_rows`);
    if (page.rows.length > 0) yield page.rows.map((row) => row.line);
    if (page.rows.length < pageRows) break;
  }
  await tx.query('close export_rows');
}
