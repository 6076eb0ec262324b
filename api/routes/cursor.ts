// Opaque cursors for lists: where a page ended, tied to the filters that it was asked with.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';

const fingerprint = (filters: unknown) =>
  createHash('sha256').update(JSON.stringify(filters)).digest('base64url').slice(0, 8);

/** A place has no full stop in it. */
export function encodeCursor(place: number | string, filters: unknown): string {
  return Buffer.from(`${place}.${fingerprint(filters)}`).toString('base64url');
}

const isNumber = (place: string) => /^\d+$/.test(place) && Number.isSafeInteger(Number(place));
const isId = (place: string) => z.uuid().safeParse(place).success;

/** @throws Problem invalid_input when it is not ours, or belongs to other filters. */
export function decodeCursor(cursor: string, filters: unknown): number {
  return Number(decodePlace(cursor, filters, isNumber));
}

/** The same, of a list in the order of ids. */
export function decodeIdCursor(cursor: string, filters: unknown): string {
  return decodePlace(cursor, filters, isId);
}

/** The same, where a place is of a form of its own. */
export function decodePlace(cursor: string, filters: unknown, isPlace: (text: string) => boolean): string {
  const [place = '', print] = Buffer.from(cursor, 'base64url').toString('latin1').split('.');
  if (isPlace(place) && print === fingerprint(filters)) return place;
  throw new Problem('invalid_input', {
    detail: 'cursor: not a cursor of this list with these filters.',
    faults: [{ pointer: 'cursor', code: 'invalid_cursor', detail: 'Use nextCursor with the same filters.' }],
  });
}
