// The whole checklist, by its sections and in its order.
import { boardLine } from './board.ts';
import { edgeLines } from './edge.ts';
import { guessingLines } from './guessing.ts';
import type { Attack } from './line.ts';
import { mailLines } from './mail-links.ts';
import { mailRequestLines } from './mail-requests.ts';
import { moneyLines } from './money.ts';
import { oauthLines } from './oauth.ts';
import { oauthAccountLines } from './oauth-accounts.ts';
import { operationsLines } from './operations.ts';
import { passwordLines } from './passwords.ts';
import { registrationLines } from './registration.ts';
import { sessionLines } from './sessions.ts';
import { suspensionLine } from './suspension.ts';
import { tenancyLines } from './tenancy.ts';
import { tokenLines } from './tokens.ts';

export interface Section {
  name: string;
  lines: Attack[];
}

const all = [
  ...[
    passwordLines,
    guessingLines,
    registrationLines,
    mailLines,
    mailRequestLines,
    tokenLines,
    sessionLines,
    oauthLines,
  ],
  ...[oauthAccountLines, tenancyLines, [suspensionLine], moneyLines, edgeLines, [boardLine], operationsLines],
]
  .flat()
  .toSorted((a, b) => a.number - b.number);

const between = (first: number, last: number) =>
  all.filter(({ number }) => number >= first && number <= last);

export const checklist: Section[] = [
  { name: 'Passwords and logins', lines: between(1, 15) },
  { name: 'Registration and mail', lines: between(16, 26) },
  { name: 'Tokens and sessions', lines: between(27, 35) },
  { name: 'Logins by Google and Facebook', lines: between(36, 42) },
  { name: 'Tenants and money', lines: between(43, 51) },
  { name: 'Edge and operations', lines: between(52, 58) },
];
