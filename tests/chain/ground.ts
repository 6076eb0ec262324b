// A tenant with a small history that is sealed, and the hands of somebody who may do anything in its database.
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { countUnsealed, listWholeBlocks, tryLockChain } from '#shared/db/chain.ts';
import { listLeafTexts } from '#shared/db/chain-leaves.ts';
import { schemaOf, withTenant } from '#shared/db/pool.ts';
import { blockHash, genesisHash, leafHash, treeHash } from '#shared/runtime/hash-chain.ts';
import { call, createTenant, grant, registerUser, type TestTenant } from '#tests/support/client.ts';
import { type System, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { sealBlock } from '#workers/sealer.ts';

/** Seals all that was settled, also what another process is sealing just now. */
export async function sealAll({ services }: System, tenant: string): Promise<void> {
  await until('everything is sealed', async () => {
    await sealBlock(services, tenant);
    return (await withTenant(services.db.app, tenant, countUnsealed)) === 0;
  });
}

/** Keeps the workers' sealer away from a tenant, so that what is put into its queue stays there. */
export function whileNobodySeals<T>(
  { services }: System,
  tenant: string,
  work: () => Promise<T>,
): Promise<T> {
  return withTenant(services.db.app, tenant, async (tx) => {
    await until('the chain is free', () => tryLockChain(tx));
    return work();
  });
}

/** Runs statements in a tenant's schema as a superuser whom no trigger, right or policy holds up. */
export async function asIntruder<T extends pg.QueryResultRow>(
  { database }: System,
  tenant: string,
  ...statements: string[]
): Promise<T[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    await client.query('set session_replication_role = replica');
    await client.query(`set search_path = ${schemaOf(tenant)}`);
    let rows: T[] = [];
    for (const statement of statements) rows = (await client.query<T>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

export interface Spend {
  id: string;
  walletId: string;
  version: number;
}

export interface Books {
  tenant: TestTenant;
  userId: string;
  walletId: string;
  /** A spend of 10 after grants of 100 and 50, another of 20, another of 30: versions 3 to 5 of the wallet. */
  spends: Spend[];
}

/** Each step waits for the one before and is sealed by itself: five blocks or more. */
export async function openBooks(system: System): Promise<Books> {
  const tenant = await createTenant(system.url, uniqueSlug('books'));
  const user = await registerUser(system.url, tenant);
  const seal = () => sealAll(system, tenant.slug);
  for (const amount of [100, 50]) {
    await grant(system.url, tenant, user.id, amount);
    await seal();
  }
  const spends: Spend[] = [];
  for (const amount of [10, 20, 30]) {
    const body = { userId: user.id, amount };
    const options = { token: tenant.secretKey, key: randomUUID(), wait: 10, body };
    const { id, walletId, walletVersion } = (await call('POST', `${system.url}/wallet/spend`, options)).body;
    spends.push({ id, walletId, version: walletVersion });
    await seal();
  }
  return { tenant, userId: user.id, walletId: spends[0]!.walletId, spends };
}

/** What an intruder who knows how does at last: computes every hash anew, so that the chain fits the books again. */
export async function forgeChain(system: System, tenant: string): Promise<void> {
  const { db } = system.services;
  const blocks = await withTenant(db.app, tenant, async (tx) => {
    const whole = await listWholeBlocks(tx, 0, 1000);
    const texts: string[][] = [];
    for (const { ranges } of whole) texts.push((await listLeafTexts(tx, ranges)).map(({ text }) => text!));
    return whole.map((block, at) => ({ ...block, leaves: texts[at]!.map(leafHash) }));
  });
  let previous = genesisHash(tenant);
  const bytes = (value: Buffer) => `'\\x${value.toString('hex')}'`;
  const updates = blocks.map(({ leaves, ...block }) => {
    const forged = { ...block, previous, root: treeHash(leaves) };
    const [hash, before] = [blockHash(forged), previous];
    previous = hash;
    return `update chain set previous = ${bytes(before)}, hash = ${bytes(hash)}, root = ${bytes(forged.root)},
      leaves = ${bytes(Buffer.concat(leaves))} where n = ${block.n}`;
  });
  await asIntruder(system, tenant, ...updates);
}
