// Opaque cursors for lists: where a page ended, tied to the filters that it was asked with.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';

const fingerprint = (filters: unknown) =>
  createHash('sha256').update(JSON.stringify(filters)).digest('base64url').slice(0, 8);

export function encodeCursor(position: number | string, filters: unknown): string {
  return Buffer.from(`${position}.${fingerprint(filters)}`).toString('base64url');
}

const isNumber = (position: string) => Number.isSafeInteger(Number(position)) && Number(position) >= 0;
const isId = (position: string) => z.uuid().safeParse(position).success;

/** @throws Problem invalid_input when it is not ours, or belongs to other filters. */
export function decodeCursor(cursor: string, filters: unknown): number {
  return Number(positionOf(cursor, filters, isNumber));
}

/** The same, of a list in the order of ids. */
export function decodeIdCursor(cursor: string, filters: unknown): string {
  return positionOf(cursor, filters, isId);
}

function positionOf(cursor: string, filters: unknown, isPosition: (text: string) => boolean): string {
  const [position = '', print] = Buffer.from(cursor, 'base64url').toString('latin1').split('.');
  if (!isPosition(position) || print !== fingerprint(filters)) {
    throw new Problem('invalid_input', {
      detail: 'cursor: not a cursor of this list with these filters.',
      faults: [
        { pointer: 'cursor', code: 'invalid_cursor', detail: 'Use nextCursor with the same filters.' },
      ],
    });
  }
  return position;
}
