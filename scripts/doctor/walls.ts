// Pushes against the walls between tenants: reads and writes in the wrong schema, live, under the login of the processes.
import { randomUUID } from 'node:crypto';
import { appRole, latestTenantVersion } from '#shared/db/migrate.ts';
import { type Database, type Tx, withTenant, withTransaction } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import {
  countUsersOf,
  findLoginPowers,
  findTenantState,
  insertStrayUser,
  listBehind,
  listForbiddenRights,
  listSleepingGuards,
  listUnstamped,
  touchUsersOf,
} from '#shared/db/walls.ts';
import { type Finding, none, note, well, wrong } from './finding.ts';

/** Tenants whose walls are tried, at most; each is tried from the tenant before it. */
const triedMax = 200;
const noRight = '42501';

/** Everything that the catalogue says about the walls. */
export async function readWalls(db: Database): Promise<Finding[]> {
  const { login, powers, owns } = await findLoginPowers(db.app);
  const latest = await latestTenantVersion();
  return [
    none(
      powers,
      `${login} has no power past row-level security`,
      `${login} has powers that it must not have`,
    ),
    owns === 0 ? well(`${login} owns nothing`) : wrong(`${login} owns ${owns} relations or schemas`),
    none(
      await listUnstamped(db.owner),
      'every table of every tenant has its stamp',
      'tables without their stamp',
    ),
    none(
      await listForbiddenRights(db.owner, appRole),
      'entries, lots, chain and audit can only be added to',
      'rights that would let books be changed',
    ),
    none(
      await listSleepingGuards(db.owner),
      'what keeps books as they were written is awake in every tenant',
      'guards of the books that are switched off or gone',
    ),
    none(
      await listBehind(db.owner, latest),
      `every tenant has its schema, at version ${latest}`,
      'tenants to be upgraded by: npm run migrate',
    ),
  ];
}

/** Tries what a fault in our code would do. Nothing is changed: every attempt is rolled back. */
export async function pushWalls(db: Database): Promise<Finding[]> {
  const slugs = await listActiveSlugs(db.owner, '', triedMax);
  const inhabited: string[] = [];
  for (const slug of slugs) if ((await countUsersOf(db.owner, slug)) > 0) inhabited.push(slug);
  const [first] = slugs;
  if (first === undefined || slugs.length < 2) {
    return [note('wrong-schema reads and writes were not tried: that needs two tenants')];
  }
  const leaks: string[] = [];
  for (const victim of inhabited) {
    const intruder = slugs.find((slug) => slug !== victim) ?? first;
    leaks.push(...(await intrude(db, intruder, victim)));
  }
  const stateLeft = await stateAfterFailure(db, first);
  return [
    inhabited.length === 0
      ? note('wrong-schema reads were not tried: no tenant has a user')
      : none(
          leaks,
          `${inhabited.length} tenants were entered from another one and without one: no row seen, none changed, none written`,
          'the wall of a tenant has a hole',
        ),
    stateLeft === ''
      ? well('a connection that failed carries nothing of its tenant')
      : wrong(`a connection carries ${stateLeft}`),
  ];
}

async function intrude(db: Database, intruder: string, victim: string): Promise<string[]> {
  const leaks: string[] = [];
  const inside = <T>(work: (tx: Tx) => Promise<T>) =>
    rolledBack((run) => withTenant(db.app, intruder, run), work);
  const outside = <T>(work: (tx: Tx) => Promise<T>) =>
    rolledBack((run) => withTransaction(db.app, run), work);
  for (const [from, enter] of [
    [intruder, inside],
    ['no tenant', outside],
  ] as const) {
    const seen = await enter((tx) => countUsersOf(tx, victim));
    if (seen !== 0) leaks.push(`${from} sees ${seen} users of ${victim}`);
    const changed = await enter((tx) => touchUsersOf(tx, victim));
    if (changed !== 0) leaks.push(`${from} changes ${changed} users of ${victim}`);
    const fault = await enter((tx) => insertStrayUser(tx, victim, randomUUID())).then(
      () => 'was taken',
      (error: { code?: string }) =>
        error.code === noRight ? undefined : `failed with ${error.code ?? error}`,
    );
    if (fault !== undefined) leaks.push(`a row of ${from} in ${victim} ${fault}`);
  }
  return leaks;
}

class Undo extends Error {}

/** Runs `work` in a transaction that never commits. */
async function rolledBack<T>(
  enter: (run: (tx: Tx) => Promise<never>) => Promise<never>,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  let result: T | undefined;
  await enter(async (tx) => {
    result = await work(tx);
    throw new Undo();
  }).catch((error: unknown) => {
    if (!(error instanceof Undo)) throw error;
  });
  return result as T;
}

async function stateAfterFailure(db: Database, tenant: string): Promise<string> {
  await withTenant(db.app, tenant, (tx) => insertStrayUser(tx, tenant, 'no uuid')).catch(() => undefined);
  return findTenantState(db.app);
}
