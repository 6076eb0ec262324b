// `npm run import`: takes in a tenant from an archive, or opening balances from another system.
import { parseArgs } from 'node:util';
import { isPlain } from './archive/format.ts';
import { type Loaded, loadArchive } from './archive/load.ts';
import { runBalances } from './balances/import-balances.ts';
import { withPreparedDatabase } from './command/prepared-database.ts';
import { runCommand } from './command/run-command.ts';

const usage = `Usage: npm run import -- FILE [--as SLUG] [--without-keys] [--dry-run]
       npm run import -- --balances FILE --tenant SLUG [--wait SECONDS] [--dry-run]
The first takes in a tenant that npm run export wrote; the second, users and coins from another system.`;

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        /** The tenant's name here. */
        as: { type: 'string' },
        'without-keys': { type: 'boolean', default: false },
        'dry-run': { type: 'boolean', default: false },
        balances: { type: 'string' },
        tenant: { type: 'string' },
        /** How long to wait while nothing is settled. */
        wait: { type: 'string', default: '10' },
      },
      allowPositionals: true,
    });
    return { ...values, files: positionals, dryRun: values['dry-run'] };
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const given = readArguments();
  const work = given && workOf(given);
  if (!work) {
    console.error(usage);
    return 2;
  }
  try {
    return await withPreparedDatabase('import', work);
  } catch (error) {
    if (!isPlain(error)) throw error;
    console.error(`${error.message}\nNothing was changed.`);
    return 1;
  }
}

type Work = Parameters<typeof withPreparedDatabase<number>>[1];

function workOf(given: NonNullable<ReturnType<typeof readArguments>>): Work | undefined {
  const { balances, tenant, files, dryRun, as, 'without-keys': withoutKeys } = given;
  if (balances !== undefined) {
    const seconds = Number(given.wait);
    if (tenant === undefined || files.length > 0 || !(seconds >= 0)) return undefined;
    return (db, keyring) =>
      runBalances(db, keyring, balances, { tenant, dryRun, patienceMs: seconds * 1000 });
  }
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) return undefined;
  return async (db, keyring) => {
    const options = { ...(as === undefined ? {} : { as }), dryRun, withoutKeys };
    tell(await loadArchive(db, keyring, file, options), dryRun);
    return 0;
  };
}

function tell({ header, slug, rows, passwords, factors }: Loaded, dryRun: boolean): void {
  console.log(
    `${rows} rows of ${header.tenant.slug}, exported ${header.exportedAt}, are sound: every balance,`,
  );
  console.log('version, lot and hash follows from the entries.');
  if (passwords + factors > 0) {
    console.log(`Given up without their key: ${passwords} passwords, ${factors} authenticators.`);
  }
  if (dryRun) {
    console.log('Nothing was changed: this was a dry run.');
    return;
  }
  console.log(`The tenant "${slug}" is open. It needs from you: a secret key, the credentials of its`);
  console.log('providers, and its webhook endpoints. Its users log in anew.');
  if (slug !== header.tenant.slug) {
    console.log('Its hash chain begins anew under this name; the head of the old one is in its audit log.');
  }
}

runCommand(main);
