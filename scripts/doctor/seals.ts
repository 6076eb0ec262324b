// Whether everything that is sealed can be opened with the keys of today, and what still needs a previous one.
import type { Database } from '#shared/db/pool.ts';
import { listSealedValues } from '#shared/tenants/sealed-values.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { type Finding, note, well, wrong } from './finding.ts';

export async function readSeals(db: Database, keyring: Keyring): Promise<Finding[]> {
  let current = 0;
  const earlier: string[] = [];
  const lost: string[] = [];
  for await (const { place, context, value } of listSealedValues(db)) {
    try {
      keyring.open(value, context);
      if (value.split('.')[1] === keyring.keyId) current += 1;
      else earlier.push(place);
    } catch {
      lost.push(place);
    }
  }
  const findings: Finding[] = [];
  if (lost.length > 0)
    findings.push(wrong(`${lost.length} sealed values open with no key of this process`, lost.slice(0, 20)));
  if (earlier.length > 0) {
    findings.push(
      note(`${earlier.length} sealed values need SECRET_KEY_PREVIOUS: npm run reseal`, earlier.slice(0, 20)),
    );
  }
  if (findings.length === 0) findings.push(well(`all ${current} sealed values open with SECRET_KEY`));
  return findings;
}
