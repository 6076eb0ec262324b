// How large the catalogue is, what a connection costs with these tenants, and how far that is from what was tested.
import { type Database, withTransaction } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import { countUsersOf, findBackendBytes, findCatalogueSize } from '#shared/db/walls.ts';
import { type Finding, note, well, wrong } from './finding.ts';

/** Research, section 3: comfortable up to the first, tested up to the second, per database. */
const tenantsComfortable = 1000;
const tenantsTested = 5000;
const touchedMax = 200;

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

export async function readHeadroom(db: Database): Promise<Finding[]> {
  const size = await findCatalogueSize(db.owner);
  const { tenants, relations, databaseBytes, catalogueBytes, connections, connectionsMax } = size;
  const room = `${tenants} tenants: comfortable to ${tenantsComfortable}, tested to ${tenantsTested} in one database`;
  const findings = [
    tenants <= tenantsComfortable ? well(room) : tenants <= tenantsTested ? note(room) : wrong(room),
    well(
      `${relations} relations, ${size.relationsPerTenant} in a tenant; catalogue ${mebibytes(catalogueBytes)} of ${mebibytes(databaseBytes)}`,
    ),
    connections < connectionsMax * 0.9
      ? well(`${connections} of ${connectionsMax} connections are in use`)
      : wrong(`${connections} of ${connectionsMax} connections are in use: raise max_connections`),
    size.relationsPerTenant * 2 < size.locksMax
      ? well(
          `the lock table has room for ${Math.floor(size.locksMax / Math.max(1, size.relationsPerTenant))} tenants in one transaction`,
        )
      : wrong('the lock table has no room for one tenant: raise max_locks_per_transaction'),
  ];
  findings.push(await readMemory(db));
  return findings;
}

/** What a connection's caches grow by with each tenant that it touches, on this very server. */
async function readMemory(db: Database): Promise<Finding> {
  return withTransaction(db.owner, async (tx) => {
    const before = await findBackendBytes(tx);
    if (before === undefined)
      return note('memory per connection is not shown: grant pg_read_all_stats to the owner');
    const slugs = await listActiveSlugs(tx, '', touchedMax);
    for (const slug of slugs) await countUsersOf(tx, slug);
    const after = (await findBackendBytes(tx)) ?? before;
    const each = slugs.length === 0 ? 0 : (after - before) / slugs.length;
    return well(
      `a connection has ${mebibytes(before)}; reading one table of ${slugs.length} tenants made it ${mebibytes(after)} (${(each / 1024).toFixed(1)} KiB each)`,
    );
  });
}
