// Recovery codes: for whoever lost the authenticator. Each works once, and only its hash is stored.
import { createHash, randomInt } from 'node:crypto';

/** Without 0, 1, i, l and o, which look alike on paper. */
const alphabet = '23456789abcdefghjkmnpqrstuvwxyz';
const groups = 3;
const groupLength = 5;
const pattern = new RegExp(`^[${alphabet}]{${groups * groupLength}}$`);
const codesPerUser = 10;

/**
 * Ten codes such as `k7m2q-x9pwd-4hn8c`: 74 random bits each, too many to be found from a fast hash, so that
 * no key has to be kept for them.
 */
export function newRecoveryCodes(): string[] {
  const group = () =>
    Array.from({ length: groupLength }, () => alphabet[randomInt(alphabet.length)]).join('');
  return Array.from({ length: codesPerUser }, () => Array.from({ length: groups }, group).join('-'));
}

/** SHA-256 of the code with its user; undefined: it has not the form of one. Case, spaces and dashes do not count. */
export function recoveryCodeHash(userId: string, code: string): Buffer | undefined {
  const plain = code.replaceAll(/[\s-]/g, '').toLowerCase();
  if (!pattern.test(plain)) return undefined;
  return createHash('sha256').update(`${userId}/${plain}`).digest();
}
