// Writes one moment of a tenant as an archive: row by row through a cursor, so that its size does not matter.
import { createHash } from 'node:crypto';
import {
  type ArchivedTenant,
  auditColumns,
  auditTable,
  type CatalogueTable,
  closeRows,
  countAudit,
  countRows,
  fetchRows,
  findArchivedTenant,
  listSequences,
  listTables,
  openAudit,
  openRows,
} from '#shared/db/archive.ts';
import { type Database, type Tx, withTenant } from '#shared/db/pool.ts';
import product from '../../package.json' with { type: 'json' };
import { endLine, formatName, formatVersion, type Header, Refusal, rowLine } from './format.ts';

/** What ends with the move: whoever is logged in logs in again, and links in mails lead to the old address. */
const leftOut = new Set(['sessions', 'mail_tokens']);
/** Rows in memory at once. */
const rowsPerFetch = 200;

export interface Written {
  header: Header;
  tenant: ArchivedTenant;
  rows: number;
}

/**
 * @param put takes a piece of the file, and resolves when there is room for more.
 * @throws Refusal when there is no such tenant
 */
export async function writeArchive(
  db: Database,
  slug: string,
  put: (text: string) => Promise<void>,
): Promise<Written> {
  return withTenant(db.app, slug, (tx) => writeSnapshot(db, tx, slug, put), 'snapshot');
}

async function writeSnapshot(
  db: Database,
  tx: Tx,
  slug: string,
  put: (text: string) => Promise<void>,
): Promise<Written> {
  const tenant = await findArchivedTenant(tx, slug);
  if (!tenant) throw new Refusal(`There is no tenant "${slug}".`);
  const header = await makeHeader(db, tx, tenant);
  const digest = createHash('sha256');
  const putLines = async (lines: string[]) => {
    const text = lines.map((line) => `${line}\n`).join('');
    digest.update(text);
    await put(text);
  };
  await putLines([JSON.stringify(header)]);
  let rows = 0;
  for (const { name } of header.tables) {
    await (name === auditTable ? openAudit(tx, slug) : openRows(tx, name));
    for (;;) {
      const page = await fetchRows(tx, rowsPerFetch);
      if (page.length === 0) break;
      await putLines(page.map((row) => rowLine(name, row)));
      rows += page.length;
    }
    await closeRows(tx);
  }
  await put(`${endLine(rows, digest)}\n`);
  return { header, tenant, rows };
}

async function makeHeader(db: Database, tx: Tx, row: ArchivedTenant): Promise<Header> {
  const { slug, name, coin, settings, sandbox, createdAt } = row;
  const tables: Header['tables'] = [];
  for (const table of inOrder(await listTables(tx, slug))) {
    tables.push({ name: table.name, columns: table.columns, rows: await countRows(tx, table.name) });
  }
  tables.push({ name: auditTable, columns: auditColumns, rows: await countAudit(tx, slug) });
  return {
    format: formatName,
    version: formatVersion,
    product: product.version,
    schema: row.schemaVersion,
    exportedAt: new Date().toISOString(),
    tenant: { slug, name, coin, settings, sandbox, createdAt },
    tables,
    // After the snapshot began: no row of it has a number that is not given out yet. The owner alone sees all of them.
    sequences: await listSequences(db.owner, slug),
  };
}

/** Each behind those that its keys point to. Found in the catalogue, so that no table can be forgotten. */
function inOrder(tables: CatalogueTable[]): CatalogueTable[] {
  const waiting = new Map(
    tables.filter(({ name }) => !leftOut.has(name)).map((table) => [table.name, table]),
  );
  const ordered: CatalogueTable[] = [];
  while (waiting.size > 0) {
    const next = [...waiting.values()].find((table) => !table.references.some((name) => waiting.has(name)));
    if (!next) throw new Error(`tables point to each other in a circle: ${[...waiting.keys()].join(', ')}`);
    waiting.delete(next.name);
    ordered.push(next);
  }
  return ordered;
}
