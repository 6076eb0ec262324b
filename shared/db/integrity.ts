// Re-derives every balance, version and outcome of a tenant from the entries, and names what differs.
import { balanceChecks } from './integrity/balances.ts';
import { itemChecks } from './integrity/items.ts';
import { lotChecks } from './integrity/lots.ts';
import { operationChecks } from './integrity/operations.ts';
import { payoutChecks } from './integrity/payouts.ts';
import type { Database, Queryable } from './pool.ts';
import { withTenant } from './pool.ts';

export interface Difference {
  check: string;
  id: string;
  expected: number | string | null;
  found: number | string | null;
}

/** Its statement returns (id, expected, found) for what is wrong, and nothing when all is well. */
export interface Check {
  name: string;
  text: string;
}

export interface IntegrityReport {
  ok: boolean;
  wallets: number;
  entries: number;
  operations: number;
  differences: Difference[];
}

/** Named differences per check; a broken ledger could have millions. */
const differencesMax = 100;

const checks: Check[] = [...balanceChecks, ...lotChecks, ...operationChecks, ...itemChecks, ...payoutChecks];

/** Reads one snapshot, so that operations settled meanwhile cannot look like faults. */
export function checkIntegrity(db: Database, tenant: string): Promise<IntegrityReport> {
  return withTenant(db.app, tenant, (tx) => inspect(tx), 'snapshot');
}

/** The same inside a transaction of the caller's. */
export async function inspect(tx: Queryable): Promise<IntegrityReport> {
  const counts = await tx.query<{ wallets: number; entries: number; operations: number }>(
    `select (select count(*) from wallets) as wallets, (select count(*) from entries) as entries,
         (select count(*) from operations) as operations`,
  );
  const differences: Difference[] = [];
  for (const check of checks) differences.push(...(await runCheck(tx, check)));
  const { wallets = 0, entries = 0, operations = 0 } = counts.rows[0] ?? {};
  return { ok: differences.length === 0, wallets, entries, operations, differences };
}

async function runCheck(tx: Queryable, check: Check): Promise<Difference[]> {
  const result = await tx.query<Omit<Difference, 'check'>>(`${check.text} limit ${differencesMax}`);
  return result.rows.map((row) => ({ check: check.name, ...row }));
}
