// `npm run reseal`: seals anew, under SECRET_KEY, what a previous key sealed; afterwards that key can go.
import { resealAll } from '#shared/tenants/sealed-values.ts';
import { withPreparedDatabase } from './command/prepared-database.ts';
import { runCommand } from './command/run-command.ts';

function main(): Promise<number> {
  return withPreparedDatabase('reseal', async (db, keyring) => {
    const { resealed, lost } = await resealAll(db, keyring);
    console.log(`${resealed} values were sealed anew under key ${keyring.keyId}.`);
    for (const place of lost) console.error(`No key opens the ${place}: enter it anew.`);
    return lost.length === 0 ? 0 : 1;
  });
}

runCommand(main);
