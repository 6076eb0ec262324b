// The form of an archive: a header, a line for each row, and an end that proves that nothing is missing or changed.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { z } from 'zod';

export const formatName = 'coinlane-archive';
/** Grows when a reader of the version before could not read it any more. */
export const formatVersion = 1;

const count = z.int().min(0);

const header = z.object({
  format: z.literal(formatName),
  version: z.int(),
  /** Of the code that wrote it. */
  product: z.string(),
  /** Of the tenant's tables. */
  schema: z.int().min(1),
  exportedAt: z.iso.datetime(),
  tenant: z.object({
    slug: z.string(),
    name: z.string(),
    coin: z.object({ code: z.string(), name: z.string(), symbol: z.string() }),
    settings: z.record(z.string(), z.unknown()),
    sandbox: z.boolean(),
    createdAt: z.string(),
  }),
  /** In the order of their rows. */
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()), rows: count })),
  sequences: z.array(z.object({ name: z.string(), last: z.string().regex(/^\d+$/) })),
});
export type Header = z.infer<typeof header>;

const end = z.object({ end: z.literal(true), rows: count, sha256: z.string() });

/** What is wrong with a file, for a person. */
export class Refusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Refusal';
  }
}

/** What a person is told by its message alone: also that a file cannot be opened. */
export const isPlain = (error: unknown): error is Error =>
  error instanceof Refusal ||
  /^E(NOENT|NOTDIR|ACCES|ISDIR|ROFS|NOSPC|PIPE)$/.test((error as { code?: string }).code ?? '');

/** A row as Postgres wrote it goes into its line untouched. */
export const rowLine = (table: string, row: string) => `{"table":${JSON.stringify(table)},"row":${row}}`;

const rowOpening = /^\{"table":("[\w.]+"),"row":(?=\{)/;

/** @returns undefined for a line of another kind */
function readRowLine(line: string): { table: string; row: string } | undefined {
  const opening = rowOpening.exec(line);
  if (!opening || !line.endsWith('}}')) return undefined;
  return { table: JSON.parse(opening[1] as string) as string, row: line.slice(opening[0].length, -1) };
}

export const endLine = (rows: number, digest: Hash) =>
  JSON.stringify({ end: true, rows, sha256: digest.digest('hex') });

/** Lines by their line feeds alone: a text may hold what others take for the end of a line. */
async function* readLines(path: string): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      rest.push(chunk.subarray(from, at));
      yield Buffer.concat(rest).toString('utf8');
      rest = [];
      from = at + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  }
  if (rest.length > 0) throw new Refusal('The file is cut: its last line has no end.');
}

export type ArchiveRow = { table: string; row: string };

/** The rows of a file that `checkArchive` has seen. */
export async function* readRows(path: string): AsyncGenerator<ArchiveRow> {
  for await (const line of readLines(path)) {
    const row = readRowLine(line);
    if (row) yield row;
  }
}

/**
 * Reads a file from its first to its last byte, and believes nothing before that.
 * @throws Refusal
 */
export async function checkArchive(path: string): Promise<Header> {
  const digest = createHash('sha256');
  const seen = new Map<string, number>();
  let head: Header | undefined;
  let last: z.infer<typeof end> | undefined;
  let number = 0;
  for await (const line of readLines(path)) {
    number += 1;
    if (last) throw new Refusal(`Line ${number} comes after the end of the archive.`);
    if (!head) head = readHeader(line);
    else {
      const row = readRowLine(line);
      if (row) seen.set(row.table, (seen.get(row.table) ?? 0) + 1);
      else {
        last = readEnd(line, number);
        continue;
      }
    }
    digest.update(line).update('\n');
  }
  if (!head) throw new Refusal('The file is empty.');
  if (!last) throw new Refusal(`The file is cut: it ends with line ${number}, and has no end of an archive.`);
  if (digest.digest('hex') !== last.sha256) {
    throw new Refusal('The file was changed: its SHA-256 is not the one that its last line says.');
  }
  requireCounts(head, seen, last.rows);
  return head;
}

function requireCounts({ tables }: Header, seen: ReadonlyMap<string, number>, total: number): void {
  const expected = new Map(tables.map(({ name, rows }) => [name, rows]));
  const names = new Set([...expected.keys(), ...seen.keys()]);
  const wrong = [...names].find((name) => (expected.get(name) ?? 0) !== (seen.get(name) ?? 0));
  if (wrong !== undefined) {
    throw new Refusal(
      `The header says ${expected.get(wrong) ?? 0} rows of ${wrong}, and there are ${seen.get(wrong) ?? 0}.`,
    );
  }
  const sum = tables.reduce((rows, table) => rows + table.rows, 0);
  if (sum !== total) throw new Refusal(`The end says ${total} rows, and there are ${sum}.`);
}

function readHeader(line: string): Header {
  const value = parse(line) as { format?: unknown; version?: unknown } | null | undefined;
  if (value?.format !== formatName) throw new Refusal('This is no archive of a tenant.');
  if (typeof value.version === 'number' && value.version > formatVersion) {
    throw new Refusal(
      `The archive has format ${value.version}, and this version of Coinlane knows ${formatVersion}: import it with a newer one.`,
    );
  }
  const read = header.safeParse(value);
  if (!read.success) throw new Refusal(`The header is damaged: ${z.prettifyError(read.error)}`);
  return read.data;
}

function readEnd(line: string, number: number): z.infer<typeof end> {
  const read = end.safeParse(parse(line));
  if (!read.success) throw new Refusal(`Line ${number} is neither a row nor the end of the archive.`);
  return read.data;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
