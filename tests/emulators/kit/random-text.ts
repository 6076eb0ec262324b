// Ids in the forms providers give them, so that nothing of ours comes to rely on a shape that is only a test's.
import { randomInt } from 'node:crypto';

export const lettersAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
export const capitalsAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** `length` signs of an alphabet. */
export function randomText(length: number, alphabet: string = lettersAndDigits): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}
