// What a line of a file of balances must be, and what must hold among the lines of one file.
import { v5 } from 'uuid';
import { z } from 'zod';
import { email, personName } from '#api/identity/schemas.ts';
import { amount, reference } from '#api/routes/schemas.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Fault, RawRecord } from './records.ts';

const yes = new Set(['true', 'yes', '1']);
const no = new Set(['false', 'no', '0']);
const flag = z.preprocess(
  (value) => {
    const text = String(value).toLowerCase();
    return yes.has(text) ? true : no.has(text) ? false : value;
  },
  z.boolean({ error: 'must be true or false' }),
);

/** More digits than a number holds are not rounded: they are no safe integer. */
const digits = (value: unknown) =>
  typeof value === 'string' && /^\d{1,20}$/.test(value) ? Number(value) : value;
const whole = 'must be a whole number';

const hashPattern = /^\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/;

const line = z
  .strictObject({
    email: email.optional(),
    externalId: z
      .preprocess((value) => (typeof value === 'number' ? String(value) : value), reference)
      .optional(),
    name: personName.optional(),
    emailVerified: flag.default(false),
    passwordHash: z.string().regex(hashPattern, 'must be a bcrypt hash with a cost of 4 to 14').optional(),
    coin: z.string().optional(),
    amount: z
      .preprocess(digits, z.union([z.literal(0), amount], { error: `amount ${whole}, up to 2^53-1` }))
      .default(0),
    bonus: flag.default(false),
    expiresAt: z.iso.datetime({ offset: true }).optional(),
    priority: z.preprocess(digits, z.int(whole).min(0).max(100)).optional(),
    reference: reference.optional(),
  })
  .refine((value) => value.email !== undefined || value.externalId !== undefined, {
    error: 'needs an email or an externalId',
  });

export interface Line extends Omit<z.infer<typeof line>, 'coin'> {
  number: number;
  coin: string;
}

/** Whom lines are about. */
export interface Person {
  /** What their external id makes of them; undefined: they have none. */
  ownId: string | undefined;
  email: string | undefined;
  /** The first of each that a line has. */
  name: string | undefined;
  passwordHash: string | undefined;
  emailVerified: boolean;
  lines: Line[];
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** A UUID stays as it is; of any other id it is the UUIDv5 (RFC 9562) of a URL, which everybody can compute. */
export const userIdOf = (tenant: string, externalId: string): string =>
  uuid.test(externalId)
    ? externalId.toLowerCase()
    : v5(`coinlane:${tenant}/${encodeURIComponent(externalId)}`, v5.URL);

export interface CheckedFile {
  people: Person[];
  faults: Fault[];
}

/** Every fault of every line, whatever else is wrong. */
export function checkLines(tenant: Tenant, records: RawRecord[]): CheckedFile {
  const faults: Fault[] = [];
  const coins = new Set([tenant.coin.code, ...tenant.settings.coins.map(({ code }) => code)]);
  const lines: Line[] = [];
  const references = new Map<string, number>();
  for (const { line: number, fields } of records) {
    const read = line.safeParse(fields);
    if (!read.success) {
      // What is wrong with a field is said once.
      const said = new Map(read.error.issues.map(({ path, message }) => [String(path), message]));
      for (const [field, message] of said) {
        faults.push({ line: number, text: field === '' ? message : `${field}: ${message}` });
      }
      continue;
    }
    const { coin = tenant.coin.code, ...rest } = read.data;
    if (!coins.has(coin)) faults.push({ line: number, text: `coin: the tenant has no coin "${coin}"` });
    const before = rest.reference === undefined ? undefined : references.get(rest.reference);
    if (before !== undefined) faults.push({ line: number, text: `reference: line ${before} has it, too` });
    if (rest.reference !== undefined) references.set(rest.reference, number);
    lines.push({ ...rest, coin, number });
  }
  return { people: toPeople(tenant.slug, lines, faults), faults };
}

/** Lines with the same external id or the same address are about one person. */
function toPeople(tenant: string, lines: Line[], faults: Fault[]): Person[] {
  const idsByEmail = new Map<string, string>();
  for (const { email: address, externalId, number } of lines) {
    if (address === undefined || externalId === undefined) continue;
    const known = idsByEmail.get(address);
    if (known !== undefined && known !== externalId) {
      faults.push({ line: number, text: `externalId: ${address} has another one in this file` });
    }
    idsByEmail.set(address, known ?? externalId);
  }
  const people = new Map<string, Person>();
  for (const each of lines) {
    const externalId = each.externalId ?? idsByEmail.get(each.email ?? '');
    const ownId = externalId === undefined ? undefined : userIdOf(tenant, externalId);
    const key = ownId ?? (each.email as string);
    const person = people.get(key) ?? {
      ...{ ownId, email: undefined, name: undefined, passwordHash: undefined },
      ...{ emailVerified: false, lines: [] },
    };
    people.set(key, person);
    for (const field of ['email', 'passwordHash'] as const) {
      if (each[field] !== undefined && person[field] !== undefined && each[field] !== person[field]) {
        faults.push({ line: each.number, text: `${field}: another line has another one for the same user` });
      }
    }
    person.email ??= each.email;
    person.name ??= each.name;
    person.passwordHash ??= each.passwordHash;
    person.emailVerified ||= each.emailVerified;
    person.lines.push(each);
  }
  return [...people.values()];
}
