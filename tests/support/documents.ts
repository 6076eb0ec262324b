// Reads the documents as their readers do: what they link to, which files and commands they name.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';

const fence = /^ *```(\w*)\n([\s\S]*?)^ *```$/gm;

/** The fenced blocks of a language; all of them without one. */
export function codeBlocks(text: string, language?: string): string[] {
  return [...text.matchAll(fence)]
    .filter(([, name]) => language === undefined || name === language)
    .map(([, , code]) => code ?? '');
}

const withoutBlocks = (text: string) => text.replaceAll(fence, '');

/** The lines between a heading of the second level and the next one. */
export function sectionOf(text: string, heading: string): string {
  const [, rest = ''] = text.split(`\n## ${heading}\n`);
  return rest.split('\n## ')[0] ?? '';
}

/** The cells of all rows of all tables, without the heads. */
export function tableRows(text: string): string[][] {
  const rows = withoutBlocks(text)
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const isRule = (row: string[] | undefined) => row?.every((cell) => /^-+$/.test(cell)) ?? false;
  return rows.filter((row, index) => !isRule(row) && !isRule(rows[index + 1]));
}

/** What a web page of the document calls its headings. */
function anchorsOf(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Relative links, with or without an anchor, that point at nothing. `path` is the document's. */
export function deadLinks(root: string, path: string, text: string): string[] {
  const links = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const to = join(root, file === '' ? path : join(dirname(path), file));
      if (!existsSync(to)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(to, 'utf8')).includes(anchor);
    });
}

const inlineCode = /`([^`]+?)`/g;
// Not after a slash, a variable or a placeholder: those are addresses.
const filePath = /(?<![\w/.$}<>-])[\w.-]+(?:\/[\w.-]+)+\.(?:ts|mjs|js|sql|md|yml|json)\b/g;

/** Files named in code, inline or in a block, that are not in the project. What a start makes does not count, nor what an example has beside it. */
export function missingFiles(root: string, text: string): string[] {
  const inline = [...withoutBlocks(text).matchAll(inlineCode)].map(([, code = '']) => code);
  const named = [...inline, ...codeBlocks(text)].flatMap((code) => code.match(filePath) ?? []);
  const own = (path: string) => !path.startsWith('.data/') && !path.startsWith('./');
  return named.filter((path) => own(path) && !existsSync(join(root, path)));
}

/** The scripts of package.json that a text tells its reader to run. */
export function namedScripts(text: string): string[] {
  return [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
    ([, run, own]) => run ?? own ?? '',
  );
}
