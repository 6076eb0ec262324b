// What a line of the checklist is, how it falls, and how it says that it could not be shown.

import type { Ground } from './ground.ts';
import type { Answer } from './http.ts';

/** One attack of the checklist. `run` throws Fallen when it succeeds; what it returns is what was seen. */
export interface Attack {
  /** Its number in the checklist. */
  number: number;
  title: string;
  /** Levers without which nothing of it can be shown; a part may need more. */
  needs: LeverName[];
  run(ground: Ground): Promise<string>;
}

export type LeverName =
  | 'mails'
  | 'database'
  | 'log'
  | 'second'
  | 'provider'
  | 'facebook'
  | 'addresses'
  | 'rateStore';

/** The server did what it must not do. */
export class Fallen extends Error {
  readonly expected: string;
  readonly came: string;
  constructor(what: string, expected: string, came: string) {
    super(what);
    this.name = 'Fallen';
    this.expected = expected;
    this.came = came;
  }
}

/** It cannot be shown here; `message` is the exact reason. */
export class NotShown extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'NotShown';
  }
}

const shown = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));

/** @throws Fallen unless both are the same, compared as JSON. */
export function expectSame(what: string, came: unknown, expected: unknown): void {
  if (JSON.stringify(came) !== JSON.stringify(expected)) {
    throw new Fallen(what, shown(expected), shown(came));
  }
}

/** @throws Fallen unless it is true. */
export function expectThat(what: string, holds: boolean, expected: string, came: unknown): void {
  if (!holds) throw new Fallen(what, expected, shown(came));
}

/** `wanted` is a status, with or without a code: `401`, or `401 invalid_credentials`. @throws Fallen */
export function expectAnswer(what: string, answer: Answer, ...wanted: (number | string)[]): void {
  const code = answer.body?.code;
  const full = typeof code === 'string' ? `${answer.status} ${code}` : String(answer.status);
  const fits = wanted.some((each) => String(each) === full || String(each) === String(answer.status));
  if (!fits) {
    throw new Fallen(`${what} (${answer.request})`, wanted.join(' or '), `${full}${detailOf(answer)}`);
  }
}

/** What a refusal says of itself; never a body that succeeded, which may hold tokens. */
function detailOf({ status, body, text }: Answer): string {
  if (status < 400) return '';
  const detail = typeof body?.detail === 'string' ? body.detail : text;
  return detail === '' ? '' : `: ${detail.slice(0, 160)}`;
}
