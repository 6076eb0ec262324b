// `npm run doctor`: tries the walls between tenants live, and says how large the catalogue is and how far it may grow.
import { checkIntegrity } from '#shared/db/integrity.ts';
import type { Database } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { withPreparedDatabase } from './command/prepared-database.ts';
import { runCommand } from './command/run-command.ts';
import { type Finding, well, wrong } from './doctor/finding.ts';
import { readHeadroom } from './doctor/headroom.ts';
import { readSeals } from './doctor/seals.ts';
import { pushWalls, readWalls } from './doctor/walls.ts';

const marks = { well: 'ok  ', note: 'note', wrong: 'BAD ' } as const;
const slugsMax = 100_000;

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
  if (process.argv.includes('--books')) await section('Books', () => readBooks(db));
  console.log(
    bad === 0 ? '\nEverything is as it should be.' : `\n${bad} findings need a hand; see docs/operations.md.`,
  );
  return bad === 0 ? 0 : 1;
}

/** Re-derives every balance of every tenant: on large books this takes its time. */
async function readBooks(db: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const slug of await listActiveSlugs(db.owner, '', slugsMax)) {
    const { ok, wallets, entries, differences } = await checkIntegrity(db, slug);
    if (ok) continue;
    const lines = differences.map((each) => `${each.check}: ${each.id}`);
    findings.push(
      wrong(`the books of ${slug} have differences (${wallets} wallets, ${entries} entries)`, lines),
    );
  }
  return findings.length > 0 ? findings : [well('every balance of every tenant follows from its entries')];
}

runCommand(() => withPreparedDatabase('doctor', examine));
