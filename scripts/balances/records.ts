// Reads a file of balances as CSV (RFC 4180) or as a JSON object a line, each record with the number of its line.
import { readFile } from 'node:fs/promises';

export interface RawRecord {
  line: number;
  /** By column; empty ones are left out. */
  fields: Record<string, unknown>;
}

export interface Fault {
  line: number;
  text: string;
}

export interface RawFile {
  records: RawRecord[];
  faults: Fault[];
}

export async function readRecords(path: string): Promise<RawFile> {
  const bytes = await readFile(path);
  let text: string;
  try {
    // A mark at the beginning, as spreadsheets write it, is taken away.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { records: [], faults: [{ line: 1, text: 'the file is not UTF-8' }] };
  }
  return text.trimStart().startsWith('{') ? readJsonLines(text) : readCsv(text);
}

function readJsonLines(text: string): RawFile {
  const file: RawFile = { records: [], faults: [] };
  for (const [at, content] of text.split('\n').entries()) {
    if (content.trim() === '') continue;
    const line = at + 1;
    const value = parse(content);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      file.faults.push({ line, text: 'is no JSON object' });
    } else file.records.push({ line, fields: present(Object.entries(value)) });
  }
  return file;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const present = (entries: [string, unknown][]) =>
  Object.fromEntries(entries.filter(([, value]) => value !== null && value !== ''));

function readCsv(text: string): RawFile {
  const rows = splitCsv(text);
  if (typeof rows === 'number') {
    return { records: [], faults: [{ line: rows, text: 'has a quotation mark without its other one' }] };
  }
  const [head, ...body] = rows;
  const columns = head?.cells.map((cell) => cell.trim()) ?? [];
  const file: RawFile = { records: [], faults: [] };
  if (new Set(columns).size < columns.length) file.faults.push({ line: 1, text: 'a column is there twice' });
  for (const { line, cells } of body) {
    if (cells.length === 1 && cells[0] === '') continue;
    if (cells.length !== columns.length) {
      file.faults.push({ line, text: `has ${cells.length} fields, and the header ${columns.length}` });
      continue;
    }
    const entries = columns.map((column, at): [string, unknown] => [column, cells[at]?.trim()]);
    file.records.push({ line, fields: present(entries) });
  }
  return file;
}

interface CsvRow {
  line: number;
  cells: string[];
}

/** @returns the line from which on nothing can be told, where there is one */
function splitCsv(text: string): CsvRow[] | number {
  const rows: CsvRow[] = [];
  // A field, quoted or not, and what ends it.
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  let line = 1;
  let row: CsvRow = { line, cells: [] };
  while (field.lastIndex < text.length || row.cells.length > 0) {
    const found = field.exec(text);
    if (!found) return line;
    const [whole, quoted, plain = '', ending] = found;
    row.cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += whole.split('\n').length - 1;
    if (ending === ',') continue;
    rows.push(row);
    row = { line, cells: [] };
    if (ending === '') break;
  }
  return rows;
}
