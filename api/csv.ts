// Lines of comma-separated values as RFC 4180 has them, which spreadsheets may open without harm.

export type Cell = string | number | null | undefined;

export function toCsvLine(cells: readonly Cell[]): string {
  return `${cells.map(toCell).join(',')}\r\n`;
}

/**
 * Spreadsheets run what begins like a formula, some in full width, too; an apostrophe in front makes it text (OWASP,
 * "CSV Injection").
 */
function toCell(value: Cell): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = /^\s*[=+\-@\t\r＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
