// Reads entries in the one form that is hashed: what the sealer, the doctor and a proof make of an entry is the same text.
import { arrayLiteral } from './array-literal.ts';
import type { Queryable } from './pool.ts';

/** Versions of a wallet, both ends included. */
export interface VersionRange {
  walletId: string;
  first: number;
  last: number;
}

export interface LeafText {
  walletId: string;
  version: number;
  /** Undefined: there is no such entry. */
  text: string | undefined;
}

const micros = (time: string) => `(extract(epoch from ${time}) * 1000000)::bigint`;

/**
 * What of an entry and of its operation never changes once it is settled. What may change is left out: how much
 * was undone since, and what erasing a user takes away (reference, metadata, note).
 */
const fields = [
  `'coinlane-entry-1'`,
  'e.operation_id',
  'e.wallet_id',
  'e.version',
  'e.counter',
  'e.amount',
  'e.bonus',
  'e.lots',
  'e.balance_after',
  micros('e.created_at'),
  'o.kind',
  'o.status',
  'o.user_id',
  'o.wallet_id',
  'o.amount',
  'o.bonus',
  'o.balance_after',
  'o.wallet_version',
  'o.reason',
  'o.bucket',
  'o.original_id',
  'o.shortfall',
  'o.idempotency_key',
  `encode(o.body_hash, 'hex')`,
  micros('o.created_at'),
  micros('o.settled_at'),
];
const texts = fields.map((each, at) => `(${each})::text as f${at}`).join(', ');
const leaf = fields
  .map((_, at) => `coalesce(octet_length(f${at}) || ':' || f${at} || ',', '-,')`)
  .join(' || ');

/**
 * The texts of the entries of these ranges, in order, also those that are missing. Index scans for each range and
 * each operation, whatever the planner thinks of the sizes: what is sorted or limited is not joined otherwise.
 */
export async function listLeafTexts(tx: Queryable, ranges: VersionRange[]): Promise<LeafText[]> {
  const result = await tx.query<{ at: number; version: number; text: string }>(
    // Without the offset each text would be made twice: to be measured, and to be written.
    `select at, version, ${leaf} as text from (select r.at, e.version, ${texts}
     from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as r (wallet_id, first, last, at)
     cross join lateral (select * from entries where account = 'wallet' and wallet_id = r.wallet_id
       and version between r.first and r.last order by version) as e
     left join lateral (select * from operations where id = e.operation_id limit 1) as o on true
     offset 0) as entry order by at, version`,
    [
      arrayLiteral(ranges.map((range) => range.walletId)),
      arrayLiteral(ranges.map((range) => range.first)),
      arrayLiteral(ranges.map((range) => range.last)),
    ],
  );
  const leaves: LeafText[] = [];
  let next = 0;
  for (const [index, { walletId, first, last }] of ranges.entries()) {
    for (let version = first; version <= last; version += 1) {
      const row = result.rows[next];
      const isThere = row?.at === index + 1 && row.version === version;
      leaves.push({ walletId, version, text: isThere ? row.text : undefined });
      if (isThere) next += 1;
    }
  }
  return leaves;
}
