// The libraries of the strength meter as a browser loads them: their own modules from node_modules, by addresses of ours.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const beside = (place: string, specifier: string) =>
  pathToFileURL(createRequire(place).resolve(specifier)).href;
const core = import.meta.resolve('@zxcvbn-ts/core');
const language = import.meta.resolve('@zxcvbn-ts/language-common');

/** Folders of ES modules, by the name that they have in addresses. */
const folders: Record<string, string> = {
  core: new URL('.', core).href,
  language: new URL('.', language).href,
  compression: new URL('.', beside(language, '@zxcvbn-ts/dictionary-compression/decompress')).href,
  distance: new URL('esm/', beside(core, 'fastest-levenshtein')).href,
};
/** What the modules import by name, which a browser cannot look up. */
const named: Record<string, string> = {
  '@zxcvbn-ts/dictionary-compression/decompress': 'compression/decompress.mjs',
  'fastest-levenshtein': 'distance/mod.js',
};
const pathPattern = /^([a-z]+)\/((?:[\w-]+\/)*[\w-]+(?:\.json)?\.m?js)$/;

interface StrengthModule {
  text: Buffer;
  zipped: Buffer;
}

/** `address`: where the modules are served from. @returns what reads one by its path, once; undefined: there is none. */
export function createStrengthModules(
  address: string,
): (path: string) => Promise<StrengthModule | undefined> {
  const known = new Map<string, Promise<StrengthModule | undefined>>();
  const read = async (folder: string, path: string) => {
    const original = await readFile(new URL(path, folder), 'utf8').catch(() => undefined);
    if (original === undefined) return undefined;
    const linked = original.replaceAll(/(\bfrom\s*)'([^'.][^']*)'/g, (whole, from: string, name: string) =>
      named[name] === undefined ? whole : `${from}'${address}/${named[name]}'`,
    );
    const text = Buffer.from(linked);
    return { text, zipped: await promisify(gzip)(text) };
  };
  return async (path) => {
    const [, name = '', rest = ''] = pathPattern.exec(path) ?? [];
    const folder = Object.hasOwn(folders, name) ? folders[name] : undefined;
    if (folder === undefined) return undefined;
    const module = known.get(path) ?? read(folder, rest);
    known.set(path, module);
    // What is not there is not remembered: whoever asks for anything could fill the memory.
    if ((await module) === undefined) known.delete(path);
    return module;
  };
}

/** Changes with the libraries, so that what a browser kept is never stale. */
export async function readStrengthVersions(): Promise<string> {
  const manifests = [core, language].map((place) => new URL('../package.json', place));
  const texts = await Promise.all(manifests.map((manifest) => readFile(manifest, 'utf8')));
  return texts.map((text) => (JSON.parse(text) as { version: string }).version).join(' ');
}
