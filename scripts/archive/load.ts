// Loads an archive into a tenant that does not exist yet, in one transaction that ends with the doctor's word.
import {
  analyzeTables,
  auditTable,
  emptyTable,
  enterSchema,
  insertAuditRows,
  insertRows,
  listTables,
  queueAllForSealing,
  returnToSavepoint,
  setSavepoint,
  setSequence,
  setTenantBirth,
} from '#shared/db/archive.ts';
import { findHead } from '#shared/db/chain.ts';
import { faultCode } from '#shared/db/faults.ts';
import { applyTenantMigrations, createTenantSchema, latestTenantVersion } from '#shared/db/migrate.ts';
import { type Database, type Tx, withTransaction } from '#shared/db/pool.ts';
import { activateTenant, announceTenantChange, insertAudit, insertTenant } from '#shared/db/tenants.ts';
import { listSleepingGuards, listUnstamped } from '#shared/db/walls.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { readSettings } from '#shared/tenants/settings.ts';
import { createSigningKey } from '#shared/tenants/signing-keys.ts';
import { findDifferencesIn } from '../doctor/books.ts';
import { checkArchive, type Header, Refusal, readRows } from './format.ts';
import { takeOverSecrets } from './secrets.ts';

/** Filled by the schema's making or by triggers; an archive says what is really in them. */
const prefilled = new Set(['clock', 'seal_queue']);
/** Under another name these begin anew: no tenant's chain can pass for another's. */
const chained = new Set(['chain', 'seal_queue']);
const rowsPerInsert = 500;
const charactersPerInsert = 1_000_000;

export interface LoadOptions {
  /** Another name than the archive's. */
  as?: string;
  /** Goes all the way, and takes everything back. */
  dryRun?: boolean;
  /** Passwords and second factors that need a key which is not here are given up. */
  withoutKeys?: boolean;
}

export interface Loaded {
  header: Header;
  slug: string;
  rows: number;
  /** Given up. */
  passwords: number;
  factors: number;
}

class Undo extends Error {}

/**
 * In one transaction: schema, rows, checks and opening are seen by others together or not at all, and a process that
 * ends half-way leaves nothing to clean up. Nothing but inserts is done to what is append-only, so that every guard
 * of the database is awake throughout.
 * @throws Refusal
 */
export async function loadArchive(
  db: Database,
  keyring: Keyring,
  path: string,
  options: LoadOptions = {},
): Promise<Loaded> {
  const header = await checkArchive(path);
  const slug = options.as ?? header.tenant.slug;
  if (!/^[a-z][a-z0-9-]{1,30}$/.test(slug)) {
    throw new Refusal(`"${slug}" cannot name a tenant: 2 to 31 lower-case letters, digits and dashes.`);
  }
  const latest = await latestTenantVersion();
  if (header.schema > latest) {
    throw new Refusal(
      `The archive has tables of version ${header.schema}, and this version of Coinlane knows ${latest}: import it with a newer one.`,
    );
  }
  let loaded: Loaded | undefined;
  await withTransaction(db.owner, async (tx) => {
    loaded = await load(tx, keyring, { header, path, slug, options });
    if (options.dryRun) throw new Undo();
  }).catch((error: unknown) => {
    if (!(error instanceof Undo)) throw error;
  });
  return loaded as Loaded;
}

interface Work {
  header: Header;
  path: string;
  slug: string;
  options: LoadOptions;
}

async function load(tx: Tx, keyring: Keyring, { header, path, slug, options }: Work): Promise<Loaded> {
  const { tenant } = header;
  const moved = slug !== tenant.slug;
  // Throws where a known setting is damaged; one that only a newer version knows stays as it is.
  readSettings(tenant.settings);
  if (!(await insertTenant(tx, { ...tenant, slug, sealed: {} }))) {
    throw new Refusal(`A tenant "${slug}" exists, or existed; --as imports it under another name.`);
  }
  await setTenantBirth(tx, slug, tenant.createdAt);
  await createTenantSchema(tx, slug, header.schema);
  await enterSchema(tx, slug);
  await requireKnownTables(tx, slug, header);
  await fill(tx, slug, header, path, (name) => !chained.has(name));
  for (const { name, last } of header.sequences) await setSequence(tx, name, last);
  await setSavepoint(tx);
  await fill(tx, slug, header, path, (name) => chained.has(name));
  await raiseAndCheck(tx, slug, tenant.slug, header);
  const { n, hash } = await findHead(tx, tenant.slug);
  if (moved) {
    // The chain as it was is proven; what follows begins its own.
    await returnToSavepoint(tx);
    await enterSchema(tx, slug);
    // Older tables than the chain are queued by the upgrade that makes it.
    if (header.tables.some(({ name }) => name === 'seal_queue')) {
      await emptyTable(tx, 'seal_queue');
      await queueAllForSealing(tx);
    }
    await raiseAndCheck(tx, slug, slug, header);
  }
  const lost = await takeOverSecrets(tx, keyring, tenant.slug, slug, options.withoutKeys ?? false);
  await createSigningKey(tx, keyring, slug);
  await activateTenant(tx, slug, await latestTenantVersion());
  const rows = header.tables.reduce((sum, table) => sum + table.rows, 0);
  await insertAudit(tx, {
    ...{ tenant: slug, actor: 'operator', action: 'tenant.import', target: slug },
    detail: {
      from: tenant.slug,
      exportedAt: header.exportedAt,
      rows,
      head: { n, hash: hash.toString('hex') },
    },
  });
  await announceTenantChange(tx, slug);
  return { header, slug, rows, ...lost };
}

async function requireKnownTables(tx: Tx, slug: string, header: Header): Promise<void> {
  const known = new Map((await listTables(tx, slug)).map((table) => [table.name, new Set(table.columns)]));
  for (const { name, columns } of header.tables) {
    if (name === auditTable) continue;
    const has = known.get(name);
    if (!has) throw new Refusal(`The archive has a table that is not known: ${name}.`);
    const strange = columns.find((column) => !has.has(column));
    if (strange) throw new Refusal(`The archive has a column that is not known: ${name}.${strange}.`);
  }
}

/** Writes the rows of the tables that `takes` names. */
async function fill(
  tx: Tx,
  slug: string,
  { tables }: Header,
  path: string,
  takes: (table: string) => boolean,
): Promise<void> {
  const columns = new Map(tables.map((table) => [table.name, table.columns]));
  for (const { name } of tables) if (takes(name) && prefilled.has(name)) await emptyTable(tx, name);
  let waiting: string[] = [];
  let table = '';
  let characters = 0;
  const flush = async () => {
    if (waiting.length === 0) return;
    const rows = `[${waiting.join(',')}]`;
    const written =
      table === auditTable
        ? insertAuditRows(tx, slug, rows)
        : insertRows(tx, { name: table, columns: columns.get(table) ?? [] }, rows);
    await written.catch((error: unknown) => {
      // 22: a value of no such type; 23: a rule of the table.
      if (!/^2[23]/.test(faultCode(error) ?? '')) throw error;
      throw new Refusal(`Rows of ${table} cannot be taken: ${(error as Error).message}.`);
    });
    waiting = [];
    characters = 0;
  };
  for await (const each of readRows(path)) {
    if (!takes(each.table)) continue;
    if (each.table !== table || waiting.length >= rowsPerInsert || characters >= charactersPerInsert) {
      await flush();
    }
    table = each.table;
    waiting.push(each.row);
    characters += each.row.length;
  }
  await flush();
}

/** What is older than this code is upgraded as it would be anywhere; then nothing may be amiss. @throws Refusal */
async function raiseAndCheck(
  tx: Tx,
  slug: string,
  chainName: string,
  { schema, tables }: Header,
): Promise<void> {
  await analyzeTables(
    tx,
    tables.map(({ name }) => name).filter((name) => name !== auditTable),
  );
  if (schema < (await latestTenantVersion())) {
    await applyTenantMigrations(tx, slug, schema);
    await enterSchema(tx, slug);
  }
  const own = (names: string[]) => names.filter((name) => name.startsWith(`tenant_${slug}.`));
  const faults = [
    ...(await findDifferencesIn(tx, chainName)),
    ...own(await listUnstamped(tx)).map((name) => `${name} is not walled`),
    ...own(await listSleepingGuards(tx)).map((name) => `${name} is asleep`),
  ];
  if (faults.length > 0) {
    throw new Refusal(
      `The books of the archive do not add up:\n${faults.map((each) => `  ${each}`).join('\n')}`,
    );
  }
}
