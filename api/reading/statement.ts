// A wallet's statement for a time: what it began with, every posting, what it ended with; read page by page.
import { Problem } from '#shared/contracts/problem.ts';
import { findEntryBefore } from '#shared/db/balance-at.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findWalletOwner, listStatementLines, type StatementLine } from '#shared/db/statements.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import type { ApiDeps } from '../context.ts';

/** Lines in memory at a time. */
const pageLines = 1000;

export interface Period {
  from: string | undefined;
  to: string | undefined;
}

export interface Balances {
  opening: number;
  closing: number;
}

export interface Total {
  kind: string;
  count: number;
  amount: number;
}

export interface Statement extends Balances {
  tenant: string;
  platform: string;
  walletId: string;
  userId: string;
  owner: string | null;
  currency: string;
  /** Null: from the wallet's beginning. */
  from: Date | null;
  to: Date;
  issuedAt: Date;
  /** What the pages cover: postings after one version, up to another. */
  span: { after: number; through: number };
}

/** Which time, by whom it is read: a tenant as the directory or as the operator has it. */
export interface Issuer {
  slug: string;
  name: string;
}

/** @throws Problem invalid_input when it ends before it begins; user_not_found when the wallet is gone. */
export async function openStatement(
  deps: Pick<ApiDeps, 'db'>,
  { slug, name }: Issuer,
  walletId: string,
  period: Period,
): Promise<Statement> {
  return withTenant(deps.db.app, slug, async (tx) => {
    const issuedAt = new Date(await tenantNow(tx));
    const from = period.from === undefined ? null : new Date(period.from);
    const asked = period.to === undefined ? issuedAt : new Date(period.to);
    // What is still to come is not on it; the next statement begins where this one ended.
    const to = new Date(Math.min(asked.getTime(), issuedAt.getTime()));
    if (from !== null && from > asked) throw backwards();
    const owner = await findWalletOwner(tx, walletId);
    if (!owner) throw new Problem('user_not_found', { detail: 'There is no such wallet.' });
    const none = { version: 0, balance: 0 };
    const last = (await findEntryBefore(tx, walletId, to)) ?? none;
    const first = from !== null && from < to ? from : to;
    const before = from === null ? none : ((await findEntryBefore(tx, walletId, first)) ?? none);
    return {
      tenant: slug,
      platform: name,
      walletId,
      userId: owner.userId,
      owner: owner.name ?? owner.email,
      currency: owner.currency,
      from,
      to,
      issuedAt,
      opening: before.balance,
      closing: last.balance,
      span: { after: before.version, through: last.version },
    };
  });
}

/** Pages of lines, oldest first; postings that arrive meanwhile are not among them. */
export async function* pagesOf(
  deps: Pick<ApiDeps, 'db'>,
  statement: Statement,
): AsyncGenerator<StatementLine[]> {
  const { tenant, walletId, span } = statement;
  for (let after = span.after; after < span.through; ) {
    const page = { after, through: span.through, limit: pageLines };
    const lines = await withTenant(deps.db.app, tenant, (tx) => listStatementLines(tx, walletId, page));
    const last = lines.at(-1);
    if (!last) return;
    after = last.version;
    yield lines;
  }
}

/** Sums lines by kind as they pass. */
export function createTotals() {
  const totals = new Map<string, Total>();
  return {
    add(lines: readonly StatementLine[]): void {
      for (const { kind, amount } of lines) {
        const total = totals.get(kind) ?? { kind, count: 0, amount: 0 };
        total.count += 1;
        total.amount += amount;
        totals.set(kind, total);
      }
    },
    list: (): Total[] => [...totals.values()].sort((a, b) => (a.kind < b.kind ? -1 : 1)),
  };
}

function backwards(): Problem {
  const detail = 'The statement would end before it begins.';
  return new Problem('invalid_input', {
    detail: `to: ${detail}`,
    faults: [{ pointer: 'to', code: 'before_from', detail }],
  });
}
