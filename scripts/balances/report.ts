// Says what a file of balances came to, so that it can be compared with the system that the file is from.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpeningGrant } from '#shared/db/opening-balances.ts';
import type { Database } from '#shared/db/pool.ts';
import type { Granted } from './grant.ts';
import { findGrants, keyOf, type Plan, type PlannedGrant } from './plan.ts';
import type { Fault } from './records.ts';

const pollMs = 300;
const columns = ['in the file', 'granted', 'there before', 'refused', 'waiting'] as const;
type Column = (typeof columns)[number];

export interface Report {
  created: number;
  known: number;
  /** Coins by their code; beyond 2^53, too. */
  sums: Map<string, Record<Column, bigint>>;
  refused: Fault[];
  /** Grants that no worker has settled yet. */
  waiting: number;
}

/** Waits as long as grants are being settled: without any for `patienceMs`, nobody does. */
export async function untilSettled(
  db: Database,
  tenant: string,
  keys: string[],
  patienceMs: number,
): Promise<void> {
  let open = keys;
  for (let quietSince = performance.now(); open.length > 0 && performance.now() - quietSince < patienceMs; ) {
    const found = await findGrants(db, tenant, open);
    const left = open.filter((key) => found.get(key)?.status === 'accepted');
    if (left.length < open.length) quietSince = performance.now();
    open = left;
    if (open.length > 0) await sleep(pollMs);
  }
}

export async function makeReport(
  db: Database,
  tenant: string,
  { users, grants }: Plan,
  done: Granted,
): Promise<Report> {
  const fresh = new Set(done.fresh.map(({ grant }) => grant));
  const refused = new Map(done.refused.map((fault) => [fault.line, fault.text]));
  const outcomes = await findGrants(db, tenant, grants.map(keyOf));
  const report: Report = {
    ...{ created: done.created, known: users.length - done.created, waiting: 0 },
    ...{ sums: new Map(), refused: [] },
  };
  for (const grant of grants) {
    const { amount, coin, number } = grant.line;
    const row = report.sums.get(coin) ?? emptyRow();
    report.sums.set(coin, row);
    const said = refused.get(number) ?? refusalOf(outcomes.get(keyOf(grant)));
    const column = columnOf(grant, fresh, outcomes.get(keyOf(grant)), said);
    row['in the file'] += BigInt(amount);
    row[column] += BigInt(amount);
    if (column === 'waiting') report.waiting += 1;
    if (said !== undefined) report.refused.push({ line: number, text: said });
  }
  return report;
}

const emptyRow = () => Object.fromEntries(columns.map((column) => [column, 0n])) as Record<Column, bigint>;

const refusalOf = (outcome: OpeningGrant | undefined) =>
  outcome?.status === 'rejected' ? (outcome.reason ?? 'rejected') : undefined;

function columnOf(
  grant: PlannedGrant,
  fresh: ReadonlySet<PlannedGrant>,
  outcome: OpeningGrant | undefined,
  said: string | undefined,
): Column {
  if (said !== undefined) return 'refused';
  if (outcome?.status !== 'applied') return 'waiting';
  return fresh.has(grant) ? 'granted' : 'there before';
}

const listedMax = 100;

/** The first of them; a file may have as many as lines. */
export function listFaults(faults: Fault[]): string[] {
  const sorted = faults.toSorted((a, b) => a.line - b.line);
  const lines = sorted.slice(0, listedMax).map(({ line, text }) => `  line ${line}: ${text}`);
  return faults.length > listedMax ? [...lines, `  and ${faults.length - listedMax} more`] : lines;
}

export function tellReport({ created, known, sums, refused, waiting }: Report): string[] {
  const cells = (first: string, rest: string[]) =>
    `${first.padEnd(10)}${rest.map((cell) => cell.padStart(17)).join('')}`;
  const rows = [...sums].map(([coin, row]) =>
    cells(
      coin,
      columns.map((column) => String(row[column])),
    ),
  );
  return [
    `${created} users were created, ${known} were there: their names, addresses and passwords stay as they are.`,
    ...(rows.length === 0 ? ['No coins are in the file.'] : [cells('coins', [...columns]), ...rows]),
    ...(refused.length === 0 ? [] : ['Refused:', ...listFaults(refused)]),
    ...(waiting === 0
      ? []
      : [
          `${waiting} grants are journaled, and nobody has settled them yet: workers do when they run.`,
          'Run the same command again to see what became of them; it grants nothing twice.',
        ]),
  ];
}
