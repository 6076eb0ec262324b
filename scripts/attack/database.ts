// The lever on the database: connects as its owner, looks, and pushes against the walls with the rights of processes.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import {
  ageSession,
  countRowsHolding,
  deleteMailTokensOf,
  failHere,
  findStoredPassword,
  insertStrayPasskey,
  listTablesOf,
  setSandboxAmount,
  setStoredPassword,
} from '#shared/db/attack-probes.ts';
import { faultCode } from '#shared/db/faults.ts';
import { appRole } from '#shared/db/migrate.ts';
import { type Tx, withTenant, withTransaction } from '#shared/db/pool.ts';
import { countUsersOf, findTenantState, insertStrayUser, touchUsersOf } from '#shared/db/walls.ts';
import type { DatabaseLever, WallProbe } from './levers.ts';

/** Thrown to roll back what a probe did. */
class Undo extends Error {}

export function openDatabaseLever(ownerUrl: string): DatabaseLever {
  const owner = new pg.Pool({ connectionString: ownerUrl, max: 2 });
  // One connection, with the rights that the processes' login has: what it keeps, the next transaction finds.
  const asApp = new URL(ownerUrl);
  asApp.searchParams.set('options', `-c role=${appRole}`);
  const app = new pg.Pool({ connectionString: asApp.href, max: 1, pipeline: true } as pg.PoolConfig);
  return {
    rowsHolding: (tenant, text) => rowsHolding(owner, tenant, text),
    findPassword: (tenant, userId) => findStoredPassword(owner, tenant, userId),
    plantPassword: (tenant, userId, stored) => setStoredPassword(owner, tenant, userId, stored),
    async plantPasskey(tenant, userId) {
      const id = randomUUID();
      await insertStrayPasskey(owner, tenant, { id, userId });
      return id;
    },
    ageSession: (tenant, sessionId, seconds) => ageSession(owner, tenant, sessionId, seconds),
    plantPayment: (purchaseId, paid) => setSandboxAmount(owner, purchaseId, paid),
    tryWall: (tenant, other) => tryWall(app, tenant, other),
    async tryPooledConnection(tenant) {
      const fault = await codeOf(withTenant(app, tenant, failHere));
      return { fault, left: await findTenantState(app) };
    },
    close: async () => {
      await Promise.all([owner.end(), app.end()]);
    },
  };
}

/** The text as it is, in Base64, and as the hex that Postgres shows of bytes. */
async function rowsHolding(owner: pg.Pool, tenant: string, text: string): Promise<string[]> {
  const bytes = Buffer.from(text);
  const forms = [text, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')];
  const found: string[] = [];
  for (const table of await listTablesOf(owner, tenant)) {
    const count = await countRowsHolding(owner, table, tenant, forms);
    if (count > 0) found.push(`${table.name}: ${count}`);
  }
  return found;
}

async function tryWall(app: pg.Pool, tenant: string, other: string): Promise<WallProbe> {
  const inside = (name: string, work: (tx: Tx) => Promise<number>) => undone(app, name, work);
  return {
    ownRows: await inside(other, (tx) => countUsersOf(tx, other)),
    foreignRows: await inside(tenant, (tx) => countUsersOf(tx, other)),
    unsetRows: await withTransaction(app, (tx) => countUsersOf(tx, other)),
    insert: await codeOf(
      inside(tenant, async (tx) => insertStrayUser(tx, other, randomUUID()).then(() => 1)),
    ),
    updated: await inside(tenant, (tx) => touchUsersOf(tx, other)),
    deleted: await inside(tenant, (tx) => deleteMailTokensOf(tx, other)),
  };
}

/** Runs the work in a tenant's transaction and takes it back, whatever it did. */
async function undone<T>(pool: pg.Pool, tenant: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined;
  try {
    await withTenant(pool, tenant, async (tx) => {
      result = { value: await work(tx) };
      throw new Undo();
    });
  } catch (error) {
    if (!(error instanceof Undo) || result === undefined) throw error;
  }
  return (result as { value: T }).value;
}

/** SQLSTATE of the failure, or "done". */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return faultCode(error) ?? String(error);
  }
}
