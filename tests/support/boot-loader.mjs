// Runs under plain Node, where nothing but Node itself reads the files: loads or parses those it is given.
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { pathToFileURL } from 'node:url';
import { SourceTextModule } from 'node:vm';

/** @typedef {{ load: string[], parse: string[] }} Assignment */

/** @type {Assignment} */
const { load, parse } = JSON.parse(readFileSync(0, 'utf8'));
/** @type {Record<string, string>} */
const refused = {};

for (const path of parse) {
  try {
    new SourceTextModule(stripTypeScriptTypes(readFileSync(path, 'utf8'), { mode: 'strip' }), {
      identifier: path,
    });
  } catch (error) {
    refused[path] = String(error);
  }
}
for (const path of load) {
  try {
    await import(pathToFileURL(path).href);
  } catch (error) {
    refused[path] = String(error);
  }
}
process.stdout.write(`\n${JSON.stringify(refused)}\n`);
