// `npm run doctor`: tries the walls between tenants, derives their books again, and says how far the catalogue may grow.
import { parseArgs } from 'node:util';
import type { Database } from '#shared/db/pool.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { withPreparedDatabase } from './command/prepared-database.ts';
import { runCommand } from './command/run-command.ts';
import { readBooks } from './doctor/books.ts';
import type { Finding } from './doctor/finding.ts';
import { readHeadroom } from './doctor/headroom.ts';
import { printHeads, readHeads } from './doctor/heads.ts';
import { readSeals } from './doctor/seals.ts';
import { pushWalls, readWalls } from './doctor/walls.ts';

const marks = { well: 'ok  ', note: 'note', wrong: 'BAD ' } as const;

const { values } = parseArgs({
  options: {
    /** Derive all books again. */
    books: { type: 'boolean', default: false },
    /** Print the heads of all chains, and nothing else. */
    heads: { type: 'boolean', default: false },
    /** Check heads that were printed before. */
    'heads-file': { type: 'string' },
  },
});
const headsFile = values['heads-file'];

async function examine(db: Database, keyring: Keyring): Promise<number> {
  let bad = 0;
  const section = async (title: string, look: () => Promise<Finding[]>) => {
    console.log(`\n${title}`);
    for (const { state, text, details = [] } of await look()) {
      if (state === 'wrong') bad += 1;
      console.log(`  ${marks[state]}  ${text}`);
      for (const detail of details) console.log(`          ${detail}`);
    }
  };
  await section('Walls, as the catalogue has them', () => readWalls(db));
  await section('Walls, pushed', () => pushWalls(db));
  await section('Secrets', () => readSeals(db, keyring));
  await section('Headroom', () => readHeadroom(db));
  if (values.books) await section('Books', () => readBooks(db));
  if (headsFile !== undefined) await section('History', () => readHeads(db, headsFile));
  console.log(
    bad === 0 ? '\nEverything is as it should be.' : `\n${bad} findings need a hand; see docs/operations.md.`,
  );
  return bad === 0 ? 0 : 1;
}

runCommand(() => withPreparedDatabase('doctor', values.heads ? printHeads : examine));
