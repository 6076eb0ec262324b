// Compares a file of balances with the tenant: who is new, what was granted before, and what cannot be.
import { hash } from 'node:crypto';
import { tenantTime } from '#api/tenant-time.ts';
import {
  type FoundUser,
  listOpeningGrants,
  listUsersOf,
  type OpeningGrant,
} from '#shared/db/opening-balances.ts';
import { type Database, withTenant } from '#shared/db/pool.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Line, Person } from './lines.ts';
import type { Fault } from './records.ts';

/** People and keys that are looked up at once. */
const lookupMax = 2000;

export interface PlannedUser {
  /** Theirs, or the one that they will have. */
  id: string;
  isNew: boolean;
  person: Person;
}

export interface PlannedGrant {
  user: PlannedUser;
  line: Line;
  /** Which of the user's lines without a reference in this coin. */
  place: number;
  /** It was journaled by an earlier run. */
  isThere: boolean;
}

export interface Plan {
  users: PlannedUser[];
  grants: PlannedGrant[];
  faults: Fault[];
}

/**
 * A reference is granted once, whatever file it is in. Lines without one are the user's opening balances, counted by
 * coin: each of them is granted once. No caller can send a key that starts with a space.
 */
export const keyOf = ({ user, line, place }: PlannedGrant): string =>
  line.reference === undefined ? ` opening/${user.id}/${line.coin}/${place}` : ` opening/${line.reference}`;

/** What a key stands for: the same key with other content is a fault, not a second grant. */
export function contentOf({ user, line }: PlannedGrant): string {
  const { coin, amount, bonus, expiresAt, priority, reference } = line;
  const at = expiresAt === undefined ? null : Date.parse(expiresAt);
  const content = ['opening', user.id, coin, amount, bonus, at, priority ?? null, reference ?? null];
  return hash('sha256', JSON.stringify(content), 'hex');
}

export function* chunks<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}

export async function findGrants(
  db: Database,
  tenant: string,
  keys: string[],
): Promise<Map<string, OpeningGrant>> {
  const found = new Map<string, OpeningGrant>();
  for (const some of chunks(keys, lookupMax)) {
    for (const grant of await withTenant(db.app, tenant, (tx) => listOpeningGrants(tx, some))) {
      found.set(grant.key, grant);
    }
  }
  return found;
}

export async function makePlan(db: Database, tenant: Tenant, people: Person[]): Promise<Plan> {
  const faults: Fault[] = [];
  const users: PlannedUser[] = [];
  for (const some of chunks(people, lookupMax)) users.push(...(await resolve(db, tenant.slug, some, faults)));
  const grants = toGrants(users);
  const there = await findGrants(db, tenant.slug, grants.map(keyOf));
  const now = await tenantTime({ db }, tenant);
  for (const grant of grants) {
    const { line } = grant;
    const before = there.get(keyOf(grant));
    grant.isThere = before !== undefined;
    if (before && before.bodyHash !== contentOf(grant)) {
      const what = line.reference === undefined ? `the user's ${line.coin}` : `reference ${line.reference}`;
      faults.push({ line: line.number, text: `${what} was granted before, and not like this` });
    }
    if (!before && line.expiresAt !== undefined && Date.parse(line.expiresAt) <= now) {
      faults.push({ line: line.number, text: 'expiresAt: this time is over' });
    }
  }
  return { users, grants, faults };
}

async function resolve(
  db: Database,
  tenant: string,
  people: Person[],
  faults: Fault[],
): Promise<PlannedUser[]> {
  const ids = people.flatMap(({ ownId }) => ownId ?? []);
  const emails = people.flatMap(({ email }) => email ?? []);
  const found = await withTenant(db.app, tenant, (tx) => listUsersOf(tx, ids, emails));
  const byId = new Map(found.map((user) => [user.id, user]));
  const byEmail = new Map(found.map((user) => [user.email, user]));
  return people.map((person) => {
    const user = findPerson(person, byId, byEmail);
    if (user && user.status !== 'active') {
      faults.push({ line: person.lines[0]?.number ?? 0, text: `this user is ${user.status}` });
    }
    return { id: user?.id ?? person.ownId ?? newId(), isNew: user === undefined, person };
  });
}

/** Whom an external id names may have another address by now. */
export function findPerson(
  { ownId, email }: Person,
  byId: ReadonlyMap<string, FoundUser>,
  byEmail: ReadonlyMap<string | null, FoundUser>,
): FoundUser | undefined {
  return (
    (ownId === undefined ? undefined : byId.get(ownId)) ??
    (email === undefined ? undefined : byEmail.get(email))
  );
}

function toGrants(users: PlannedUser[]): PlannedGrant[] {
  const places = new Map<string, number>();
  return users.flatMap((user) =>
    user.person.lines.flatMap((line): PlannedGrant[] => {
      if (line.amount === 0) return [];
      const counted = `${user.id}/${line.coin}`;
      const place = places.get(counted) ?? 1;
      if (line.reference === undefined) places.set(counted, place + 1);
      return [{ user, line, place, isThere: false }];
    }),
  );
}
