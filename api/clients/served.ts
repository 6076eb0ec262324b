// The clients as this installation serves them: written from its own document when somebody first asks, so never stale.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeGo } from './go.ts';
import { type ApiDocument, type ClientModel, readModel } from './model.ts';
import { writePython } from './python.ts';
import { writeTypeScript } from './typescript.ts';

/** Opening comments, which are for readers of this project, and imports of what one file holds anyway. */
const forReaders = /^((\/\/|#).*\n)+/;
const ownImports = /^import [^;]*? from '\.[^;]*;\n/gm;
const joints: Record<string, string> = { ts: '\n', py: '\n\n', go: '\n' };

/** The hand-written half of a client: the same in every installation. */
function runtimeOf(ending: string): string {
  return ['wire', 'outcomes']
    .map((name) => readFileSync(new URL(`runtime/${name}.${ending}`, import.meta.url), 'utf8'))
    .map((text) => text.replace(forReaders, '').replaceAll(ownImports, ''))
    .map((text, part) => (part > 0 ? text.replace(/^package \w+\n/, '') : text))
    .join(joints[ending]);
}

interface Language {
  ending: string;
  type: string;
  write(model: ClientModel, runtime: string): string;
}

export const languages: Record<string, Language> = {
  typescript: { ending: 'ts', type: 'application/typescript; charset=utf-8', write: writeTypeScript },
  python: { ending: 'py', type: 'text/x-python; charset=utf-8', write: writePython },
  go: { ending: 'go', type: 'text/x-go; charset=utf-8', write: writeGo },
};

/** @returns the source of a client; the language is one of `languages` */
function writeClient(document: ApiDocument, { ending, write }: Language): string {
  return write(readModel(document), runtimeOf(ending));
}

export interface ServedClient {
  text: string;
  type: string;
  etag: string;
}

/** By file name, such as `coinlane.py`; each is written once per process. */
export function openClients(documentText: () => string): (file: string) => ServedClient | undefined {
  const written = new Map<string, ServedClient>();
  return (file) => {
    const language = Object.values(languages).find(({ ending }) => file === `coinlane.${ending}`);
    if (!language) return undefined;
    const before = written.get(file);
    if (before) return before;
    const text = writeClient(JSON.parse(documentText()) as ApiDocument, language);
    const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
    const served = { text, type: language.type, etag };
    written.set(file, served);
    return served;
  };
}
