// Names that operators give to things: shown on pages, in mails and at payment providers.
import { z } from 'zod';

/** One line of text that Postgres can store and a mail header can carry: no control or line separating characters. */
const isPlainLine = (text: string) => text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text);
export const plainLine = (lengthMax: number) =>
  z.string().trim().min(1).max(lengthMax).refine(isPlainLine, 'must be one line of plain text');
