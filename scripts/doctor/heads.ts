// Exports the heads of all chains, so that they can be kept where nobody who reaches the database can, and checks them.
import { readFile } from 'node:fs/promises';
import { findHead } from '#shared/db/chain.ts';
import type { Database } from '#shared/db/pool.ts';
import { withTenant } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import { findLostHead, headLine, parseHeads } from './chain.ts';
import { type Finding, well, wrong } from './finding.ts';

const slugsMax = 100_000;

/** One JSON object a line, and nothing else: the output is a file to be kept. */
export async function printHeads(db: Database): Promise<number> {
  for (const slug of await listActiveSlugs(db.owner, '', slugsMax)) {
    const head = await withTenant(db.app, slug, (tx) => findHead(tx, slug), 'snapshot');
    console.log(headLine(slug, head));
  }
  return 0;
}

/** Whoever rewrites history can compute every hash anew, and still cannot change what was exported. */
export async function readHeads(db: Database, path: string): Promise<Finding[]> {
  const heads = Map.groupBy(parseHeads(await readFile(path, 'utf8')), ({ tenant }) => tenant);
  const findings: Finding[] = [];
  for (const [tenant, exported] of heads) {
    try {
      const lost = await withTenant(db.app, tenant, (tx) => findLostHead(tx, tenant, exported), 'snapshot');
      if (lost !== undefined) findings.push(wrong(`the history of ${tenant} is not what it was`, [lost]));
    } catch (error) {
      findings.push(wrong(`the chain of ${tenant} could not be read`, [String(error)]));
    }
  }
  return findings.length > 0
    ? findings
    : [well(`the exported heads of ${heads.size} tenants are all in their chains`)];
}
