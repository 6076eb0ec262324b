// Opaque cursors for lists: where a page ended, tied to the filters that it was asked with.
import { createHash } from 'node:crypto';
import { Problem } from '#shared/contracts/problem.ts';

const fingerprint = (filters: unknown) =>
  createHash('sha256').update(JSON.stringify(filters)).digest('base64url').slice(0, 8);

export function encodeCursor(position: number, filters: unknown): string {
  return Buffer.from(`${position}.${fingerprint(filters)}`).toString('base64url');
}

/** @throws Problem invalid_input when it is not ours, or belongs to other filters. */
export function decodeCursor(cursor: string, filters: unknown): number {
  const [position, print] = Buffer.from(cursor, 'base64url').toString('latin1').split('.');
  const value = Number(position);
  if (!Number.isSafeInteger(value) || value < 0 || print !== fingerprint(filters)) {
    throw new Problem('invalid_input', {
      detail: 'cursor: not a cursor of this list with these filters.',
      faults: [
        { pointer: 'cursor', code: 'invalid_cursor', detail: 'Use nextCursor with the same filters.' },
      ],
    });
  }
  return value;
}
