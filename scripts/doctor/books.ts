// Derives the books of every tenant again while it goes on settling, and names the first thing that does not follow.
import {
  type BookEntry,
  type BookWallet,
  findCoverageGap,
  findOneSided,
  listBookEntries,
  listBookWallets,
} from '#shared/db/books.ts';
import { inspect } from '#shared/db/integrity.ts';
import type { Database, Queryable } from '#shared/db/pool.ts';
import { withTenant } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import {
  compareWallet,
  type FieldDifference,
  type Replay,
  replayEntry,
  startReplay,
} from '#shared/ledger/replay.ts';
import { findBrokenLink } from './chain.ts';
import { type Finding, well, wrong } from './finding.ts';

const slugsMax = 100_000;
const nil = '00000000-0000-0000-0000-000000000000';
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** How much is in memory at once. */
export interface PageSizes {
  wallets: number;
  entries: number;
}
const pageSizes: PageSizes = { wallets: 1000, entries: 5000 };

/** On large books this takes its time: some ten thousand entries a second. */
export async function readBooks(db: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const slug of await listActiveSlugs(db.owner, '', slugsMax)) {
    try {
      const differences = await findDifferences(db, slug);
      if (differences.length > 0) {
        findings.push(wrong(`the books of ${slug} have differences; the first of each kind:`, differences));
      }
    } catch (error) {
      findings.push(wrong(`the books of ${slug} could not be read`, [String(error)]));
    }
  }
  return findings.length > 0
    ? findings
    : [well('every balance, version, lot and hash of every tenant follows from its entries')];
}

/** One moment of the tenant's books, which go on being written. @returns in words, the first of each kind */
export async function findDifferences(db: Database, tenant: string, sizes = pageSizes): Promise<string[]> {
  return withTenant(db.app, tenant, (tx) => findDifferencesIn(tx, tenant, sizes), 'snapshot');
}

/** The same in a transaction that is inside the tenant. `chained`: by whose name its chain begins. */
export async function findDifferencesIn(
  tx: Queryable,
  chained: string,
  sizes = pageSizes,
): Promise<string[]> {
  const found = [
    await findUnfounded(tx, sizes),
    await describeOneSided(tx),
    await describeGap(tx),
    await findBrokenLink(tx, chained),
  ];
  const { differences } = await inspect(tx);
  const others = differences.map(
    ({ check, id, expected, found: has }) => `${check}: ${id}: expected ${expected}, found ${has}`,
  );
  return [...found.filter((each) => each !== undefined), ...others];
}

const describe = (walletId: string, { version, field, expected, found }: FieldDifference) =>
  `wallet ${walletId}, version ${version}, ${field}: expected ${expected}, found ${found}`;

async function describeOneSided(tx: Queryable): Promise<string | undefined> {
  const one = await findOneSided(tx);
  return (
    one &&
    `operation ${one.operationId}, wallet ${one.walletId}, account ${one.account}: expected ${one.expected}, found ${one.found}`
  );
}

async function describeGap(tx: Queryable): Promise<string | undefined> {
  const gap = await findCoverageGap(tx);
  return gap && describe(gap.walletId, { ...gap, field: 'sealing' });
}

/** Walks through all wallets in order of their ids, each with its entries in order of their versions. */
async function findUnfounded(tx: Queryable, sizes: PageSizes): Promise<string | undefined> {
  for (let after = nil; ; ) {
    const wallets = await listBookWallets(tx, after, sizes.wallets);
    const isLast = wallets.length < sizes.wallets;
    const upTo = isLast ? lastId : (wallets.at(-1)?.id ?? lastId);
    const fault = await walkWallets(tx, wallets, { after, upTo }, sizes.entries);
    if (fault !== undefined || isLast) return fault;
    after = upTo;
  }
}

async function walkWallets(
  tx: Queryable,
  wallets: BookWallet[],
  { after, upTo }: { after: string; upTo: string },
  entriesPerPage: number,
): Promise<string | undefined> {
  const waiting = wallets.values();
  let current: { wallet: BookWallet; state: Replay } | undefined;
  /** Closes the wallets before the one with this id, and opens that one. */
  const moveTo = (id: string | undefined): string | undefined => {
    while (current === undefined || current.wallet.id !== id) {
      const fault = current && compareWallet(current.state, current.wallet);
      if (current && fault) return describe(current.wallet.id, fault);
      const { value } = waiting.next();
      if (value === undefined) return id && `wallet ${id}: expected none, found entries of it`;
      if (id !== undefined && value.id > id) return `wallet ${id}: expected none, found entries of it`;
      current = { wallet: value, state: startReplay() };
    }
    return undefined;
  };
  const take = (entry: BookEntry): string | undefined => {
    const lost = moveTo(entry.walletId);
    if (lost !== undefined || !current) return lost;
    const fault = replayEntry(current.state, entry);
    return fault && describe(entry.walletId, fault);
  };
  const start = { walletId: after, version: Number.MAX_SAFE_INTEGER };
  for (let place = start; ; ) {
    const entries = await listBookEntries(tx, place, upTo, entriesPerPage);
    for (const entry of entries) {
      const fault = take(entry);
      if (fault !== undefined) return fault;
    }
    const last = entries.at(-1);
    if (!last || entries.length < entriesPerPage) return moveTo(undefined);
    place = last;
  }
}
