// Makes ids that sort by time (UUIDv7, RFC 9562 section 5.7), so that indexes grow at their end.
import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

// The library asks the system for randomness once per id, which costs more than the rest of the id.
const pool = new Uint8Array(16 * 256);
let used = pool.length;

/** 74 random bits beside the milliseconds: unguessable enough for a name, never used as a secret. */
export function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + 16);
  used += 16;
  return v7({ random });
}
