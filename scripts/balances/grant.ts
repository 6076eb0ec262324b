// Makes the users of a file and journals their coins, some hundred people in one transaction at a time.
import { sealForeignHash } from '#api/identity/passwords.ts';
import { unlessContended } from '#api/journal.ts';
import { insertOperations, type JournalRow } from '#shared/db/journal.ts';
import {
  insertOpeningUsers,
  insertOpeningWallets,
  listOpeningGrants,
  listUsersOf,
  lockUsers,
} from '#shared/db/opening-balances.ts';
import type { Database, Tx } from '#shared/db/pool.ts';
import { listWalletIds } from '#shared/db/wallets.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import {
  chunks,
  contentOf,
  findPerson,
  keyOf,
  type Plan,
  type PlannedGrant,
  type PlannedUser,
} from './plan.ts';
import type { Fault } from './records.ts';

const usersPerTransaction = 250;

export interface Granted {
  created: number;
  /** Journaled by this run; their ids are the operations'. */
  fresh: { id: string; grant: PlannedGrant }[];
  /** An earlier run, or another one at this moment, journaled them. */
  earlier: PlannedGrant[];
  refused: Fault[];
}

/** `wake` is told what was journaled after each commit. @returns what the whole plan came to */
export async function grantAll(
  db: Database,
  keyring: Keyring,
  tenant: Tenant,
  { users, grants }: Plan,
  wake: (operationIds: string[]) => Promise<void>,
): Promise<Granted> {
  const byUser = Map.groupBy(grants, ({ user }) => user);
  const all: Granted = { created: 0, fresh: [], earlier: [], refused: [] };
  for (const some of chunks(users, usersPerTransaction)) {
    const theirs = some.flatMap((user) => byUser.get(user) ?? []);
    const done = await unlessContended({ db }, tenant.slug, (tx) =>
      grantSome(tx, keyring, tenant, some, theirs),
    );
    all.created += done.created;
    for (const each of done.fresh) all.fresh.push(each);
    for (const each of done.earlier) all.earlier.push(each);
    for (const each of done.refused) all.refused.push(each);
    if (done.fresh.length > 0) await wake(done.fresh.map(({ id }) => id));
  }
  return all;
}

async function grantSome(
  tx: Tx,
  keyring: Keyring,
  tenant: Tenant,
  users: PlannedUser[],
  grants: PlannedGrant[],
): Promise<Granted> {
  const created = await createUsers(
    tx,
    keyring,
    users.filter(({ isNew }) => isNew),
  );
  const held = await lockUsers(
    tx,
    users.map(({ id }) => id),
  );
  const active = new Set(held.flatMap(({ id, status }) => (status === 'active' ? [id] : [])));
  const done: Granted = { created, fresh: [], earlier: [], refused: [] };
  const able = grants.filter(({ user, line }) => {
    if (active.has(user.id)) return true;
    done.refused.push({ line: line.number, text: 'this user was banned or erased meanwhile' });
    return false;
  });
  const walletOf = await openWallets(
    tx,
    tenant,
    users.filter(({ id }) => active.has(id)),
    able,
  );
  const rows = able.map((grant) => ({ grant, row: toRow(grant, walletOf(grant)) }));
  if (rows.length === 0) return done;
  const inserted = await insertOperations(
    tx,
    rows.map(({ row }) => row),
  );
  const taken = rows.filter(({ row }) => !inserted.has(row.id));
  const before = await listOpeningGrants(
    tx,
    taken.map(({ row }) => row.idempotencyKey),
  );
  const contents = new Map(before.map(({ key, bodyHash }) => [key, bodyHash]));
  for (const { grant, row } of rows) {
    if (inserted.has(row.id)) done.fresh.push({ id: row.id, grant });
    else if (contents.get(row.idempotencyKey) === row.bodyHash) done.earlier.push(grant);
    else done.refused.push({ line: grant.line.number, text: 'it was granted meanwhile, and not like this' });
  }
  return done;
}

/** Whoever was made by another run at this moment takes that one's id. @returns how many are new */
async function createUsers(tx: Tx, keyring: Keyring, users: PlannedUser[]): Promise<number> {
  if (users.length === 0) return 0;
  const made = await insertOpeningUsers(
    tx,
    users.map((user) => toUser(user, keyring)),
  );
  const others = users.filter(({ id }) => !made.has(id));
  if (others.length > 0) {
    const ids = others.flatMap(({ person }) => person.ownId ?? []);
    const emails = others.flatMap(({ person }) => person.email ?? []);
    const found = await listUsersOf(tx, ids, emails);
    const byId = new Map(found.map((user) => [user.id, user]));
    const byEmail = new Map(found.map((user) => [user.email, user]));
    for (const user of others) user.id = findPerson(user.person, byId, byEmail)?.id ?? user.id;
  }
  return made.size;
}

function toUser({ id, person }: PlannedUser, keyring: Keyring) {
  const { email = null, emailVerified, name = null, passwordHash } = person;
  // $2y is PHP's name for the same algorithm.
  const stored =
    passwordHash === undefined ? undefined : sealForeignHash(keyring, passwordHash.replace(/^\$2y/, '$2b'));
  return {
    ...{ id, email, name, emailVerified: emailVerified && email !== null },
    passwordHash: stored?.hash ?? null,
    passwordScheme: stored?.scheme ?? null,
  };
}

async function openWallets(
  tx: Tx,
  { coin }: Tenant,
  users: PlannedUser[],
  grants: PlannedGrant[],
): Promise<(grant: PlannedGrant) => string> {
  // Whoever has an account has a wallet of the first coin.
  const wanted = [
    ...users.map(({ id }) => ({ userId: id, currency: coin.code })),
    ...grants.map(({ user, line }) => ({ userId: user.id, currency: line.coin })),
  ];
  if (wanted.length > 0)
    await insertOpeningWallets(
      tx,
      wanted.map((wallet) => ({ id: newId(), ...wallet })),
    );
  const found = new Map<string, string>();
  for (const currency of new Set(wanted.map((wallet) => wallet.currency))) {
    const wallets = await listWalletIds(
      tx,
      users.map(({ id }) => id),
      currency,
    );
    for (const [userId, walletId] of wallets) found.set(`${userId}/${currency}`, walletId);
  }
  return ({ user, line }) => {
    const walletId = found.get(`${user.id}/${line.coin}`);
    if (walletId === undefined) throw new Error(`user ${user.id} has no wallet of ${line.coin}`);
    return walletId;
  };
}

function toRow(grant: PlannedGrant, walletId: string): JournalRow {
  const { amount, bonus, expiresAt, priority, reference } = grant.line;
  const terms: Terms = {
    ...(priority === undefined ? {} : { priority }),
    ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
  };
  return {
    ...{ id: newId(), kind: 'grant', due: true, walletId, userId: grant.user.id, amount },
    ...{ bucket: bonus ? 'bonus' : 'paid', originalId: null, shortfall: null },
    ...{ idempotencyKey: keyOf(grant), bodyHash: contentOf(grant), reference: reference ?? null },
    ...{ metadata: null, note: null, terms: Object.keys(terms).length > 0 ? terms : null, groupId: null },
  };
}
