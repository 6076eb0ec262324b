// Tells whether a password is among the million that attackers try first, without network and without the list.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/*
 * A binary fuse filter (Graf and Lemire 2022, arXiv:2201.01174) of 16-bit fingerprints: each password has four
 * slots in neighbouring segments, and the XOR of what they hold is its fingerprint. So every listed password is
 * found, and one in 65,536 of all others is taken for listed. Built by scripts/leaked-passwords.ts.
 */

/** The shape of a filter: all that decides where a password's slots are. */
export interface FilterShape {
  seed: number;
  /** Slots in a segment: a power of two. */
  segmentLength: number;
  /** Segments that a password's first slot may be in; there are three more behind them. */
  segmentCount: number;
}

interface FilterHeader extends FilterShape {
  version: number;
  /** Different passwords in it, folded. */
  count: number;
  /** SHA-256 of the list that it was made of. */
  listHash: Buffer;
  /** SHA-256 of the slots. */
  slotsHash: Buffer;
}

export interface LeakedPasswords extends FilterHeader {
  /** Also in capitals, with spaces around it or in another Unicode form: attackers try those next. */
  has(password: string): boolean;
}

/** Slots per password. */
export const slotsEach = 4;
const magic = 'CLPW';
const version = 1;
const headerBytes = 88;

/** Passwords that fold to the same text count as the same: NFKC, no spaces around, lower case. */
export function foldPassword(password: string): string {
  return password.normalize('NFKC').trim().toLowerCase();
}

export function slotsOf({ segmentLength, segmentCount }: FilterShape): number {
  return (segmentCount + slotsEach - 1) * segmentLength;
}

/** Writes the slots of a folded password to `slots`. @returns its fingerprint. */
export function placeOf(folded: string, shape: FilterShape, slots: Uint32Array, at = 0): number {
  const digest = createHash('sha256').update(`coinlane-leaked/${shape.seed}/${folded}`).digest();
  const first = Math.floor((digest.readUInt32LE(0) / 2 ** 32) * shape.segmentCount);
  for (let n = 0; n < slotsEach; n += 1) {
    const within = digest.readUInt32LE(4 + 4 * n) & (shape.segmentLength - 1);
    slots[at + n] = (first + n) * shape.segmentLength + within;
  }
  return digest.readUInt16LE(28);
}

/** The file of a filter: a header of 88 bytes, then the slots, all little-endian. */
export function packFilter(shape: FilterShape, count: number, listHash: Buffer, slots: Uint16Array): Buffer {
  const body = Buffer.alloc(slots.length * 2);
  slots.forEach((slot, index) => {
    body.writeUInt16LE(slot, index * 2);
  });
  const header = Buffer.alloc(headerBytes);
  header.write(magic, 0, 'latin1');
  const numbers = [version, count, shape.seed, shape.segmentLength, shape.segmentCount];
  for (const [index, number] of numbers.entries()) header.writeUInt32LE(number, 4 + 4 * index);
  listHash.copy(header, 24);
  createHash('sha256').update(body).digest().copy(header, 56);
  return Buffer.concat([header, body]);
}

/** @throws Error when the file is not one of ours, or not whole: a filter that finds nothing must not go unseen. */
export function readFilter(file: Buffer): LeakedPasswords {
  const body = file.subarray(headerBytes);
  if (
    file.length < headerBytes ||
    file.toString('latin1', 0, 4) !== magic ||
    file.readUInt32LE(4) !== version
  ) {
    throw new Error('the filter of leaked passwords has an unknown form');
  }
  const header: FilterHeader = {
    version,
    count: file.readUInt32LE(8),
    seed: file.readUInt32LE(12),
    segmentLength: file.readUInt32LE(16),
    segmentCount: file.readUInt32LE(20),
    listHash: file.subarray(24, 56),
    slotsHash: file.subarray(56, headerBytes),
  };
  const whole = createHash('sha256').update(body).digest().equals(header.slotsHash);
  if (!whole || body.length !== slotsOf(header) * 2) {
    throw new Error('the filter of leaked passwords is damaged');
  }
  const slots = new Uint32Array(slotsEach);
  return {
    ...header,
    has(password) {
      const fingerprint = placeOf(foldPassword(password), header, slots);
      return slots.reduce((mixed, slot) => mixed ^ body.readUInt16LE(slot * 2), 0) === fingerprint;
    },
  };
}

export const filterFile = new URL('leaked-passwords.bin', import.meta.url);
let loaded: LeakedPasswords | undefined;

/** The bundled filter, read at its first use: a megabyte, in a few milliseconds. */
export function leakedPasswords(): LeakedPasswords {
  loaded ??= readFilter(readFileSync(filterFile));
  return loaded;
}
