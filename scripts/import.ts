// `npm run import`: takes in a tenant from an archive, or opening balances from another system.
import { parseArgs } from 'node:util';
import { Refusal } from './archive/format.ts';
import { type Loaded, loadArchive } from './archive/load.ts';
import { withPreparedDatabase } from './command/prepared-database.ts';
import { runCommand } from './command/run-command.ts';

const usage = `Usage: npm run import -- FILE [--as SLUG] [--without-keys] [--dry-run]`;

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        /** Under another name. */
        as: { type: 'string' },
        'without-keys': { type: 'boolean', default: false },
        'dry-run': { type: 'boolean', default: false },
      },
      allowPositionals: true,
    });
    const [file, ...more] = positionals;
    return file === undefined || more.length > 0 ? undefined : { file, ...values };
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const given = readArguments();
  if (!given) {
    console.error(usage);
    return 2;
  }
  const options = {
    ...(given.as === undefined ? {} : { as: given.as }),
    dryRun: given['dry-run'],
    withoutKeys: given['without-keys'],
  };
  try {
    return await withPreparedDatabase('import', async (db, keyring) => {
      tell(await loadArchive(db, keyring, given.file, options), options.dryRun);
      return 0;
    });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(error.message);
    console.error('Nothing was changed.');
    return 1;
  }
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
