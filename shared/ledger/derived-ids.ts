// Ids that follow from others, so that deciding the same twice names the same: no chance, no clock.
import { createHash } from 'node:crypto';

/** A UUIDv7 (RFC 9562 section 5.7) of this time, in milliseconds since 1970, whose other bits follow from `seed`. */
export function idAt(at: number, seed: string): string {
  const digest = createHash('sha256').update(seed).digest('hex');
  const time = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0');
  const variant = ((Number.parseInt(digest.slice(3, 4), 16) & 3) | 8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digest.slice(0, 3)}-${variant}${digest.slice(4, 7)}-${digest.slice(7, 19)}`;
}

/** The id of the n-th lot that an operation makes: the first has the operation's own, all have its age. */
export function lotIdOf(operationId: string, n: number): string {
  if (n === 0) return operationId;
  const tail = createHash('sha256').update(`${operationId}/${n}`).digest('hex').slice(0, 12);
  return `${operationId.slice(0, -12)}${tail}`;
}
