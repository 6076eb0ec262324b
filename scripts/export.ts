// `npm run export`: writes one tenant whole into a file that `npm run import` takes.
import { open, rename, rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { ArchivedTenant } from '#shared/db/archive.ts';
import type { Database } from '#shared/db/pool.ts';
import { isPlain } from './archive/format.ts';
import { type Written, writeArchive } from './archive/write.ts';
import { withPreparedDatabase } from './command/prepared-database.ts';
import { runCommand } from './command/run-command.ts';

const usage = `Usage: npm run export --silent -- <tenant> [--out FILE]
Without --out the archive goes to the standard output. It holds personal data: keep it as you keep the database.`;

async function main(): Promise<number> {
  const given = readArguments();
  if (!given) {
    console.error(usage);
    return 2;
  }
  try {
    return await withPreparedDatabase('export', async (db) => {
      const written =
        given.out === undefined ? await toStdout(db, given.slug) : await toFile(db, given.slug, given.out);
      tell(written, given.out);
      return 0;
    });
  } catch (error) {
    if (!isPlain(error)) throw error;
    console.error(error.message);
    return 1;
  }
}

function readArguments(): { slug: string; out: string | undefined } | undefined {
  try {
    const { values, positionals } = parseArgs({
      options: { out: { type: 'string' } },
      allowPositionals: true,
    });
    const [slug, ...more] = positionals;
    return slug === undefined || more.length > 0 ? undefined : { slug, out: values.out };
  } catch {
    return undefined;
  }
}

function toStdout(db: Database, slug: string): Promise<Written> {
  // Reported by the write that fails; unheard, it would end the process before anything is said.
  process.stdout.on('error', () => undefined);
  const put = (text: string) =>
    new Promise<void>((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  return writeArchive(db, slug, put);
}

/** The name is the whole file's: what was broken off has another one, and is removed. */
async function toFile(db: Database, slug: string, path: string): Promise<Written> {
  const partial = `${path}.part`;
  const file = await open(partial, 'w', 0o600);
  try {
    const written = await writeArchive(db, slug, (text) => file.appendFile(text));
    await file.sync();
    await rename(partial, path);
    return written;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

function tell({ header, tenant, rows }: Written, out: string | undefined): void {
  const say = (text: string) => console.error(text);
  say(
    `${rows} rows of ${tenant.slug}, at version ${header.schema}${out === undefined ? '' : `, are in ${out}`}.`,
  );
  for (const { name, rows: count } of header.tables) if (count > 0) say(`  ${name.padEnd(20)} ${count}`);
  say(`Not in it, since it belongs to this installation: ${missing(tenant).join('; ')}.`);
  say('Passwords and second factors are in it, and open under the SECRET_KEY of this installation only.');
  if (tenant.status === 'active') {
    say('The tenant is open: what happens from now on is not in the archive. To move it, suspend it first.');
  }
}

const missing = ({ keys, sealed, endpoints }: ArchivedTenant): string[] => [
  `${keys} secret keys`,
  'the keys that sign its tokens, and all logins',
  ...(sealed.length === 0 ? [] : [`credentials (${sealed.join(', ')})`]),
  ...(endpoints === 0 ? [] : [`${endpoints} webhook endpoints with their secrets`]),
  'mails and webhooks on their way, the provider inbox and reconciliations',
];

runCommand(main);
