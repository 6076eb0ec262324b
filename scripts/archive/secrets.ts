// Takes over what an archive holds sealed, as far as a key of this installation opens it.
import { deleteAuthenticators, forgetPasswordsUnder, listPasswordKeys } from '#shared/db/archive.ts';
import type { Tx } from '#shared/db/pool.ts';
import { listSealedFactors, replaceSealedFactor } from '#shared/db/sealed.ts';
import { factorContext } from '#shared/tenants/sealed-values.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { Refusal } from './format.ts';

/** @throws Refusal when a key is missing, unless what needs it may be given up */
export async function takeOverSecrets(
  tx: Tx,
  keyring: Keyring,
  from: string,
  slug: string,
  withoutKeys: boolean,
): Promise<{ passwords: number; factors: number }> {
  const needed = (await listPasswordKeys(tx)).filter(
    ({ keyId }) => !keyring.deriveUnder(keyId, 'password-pepper'),
  );
  const closed: string[] = [];
  for (const row of await listSealedFactors(tx, from)) {
    const plain = opened(keyring, row.value, factorContext(from, row.name));
    if (plain === undefined) closed.push(row.name);
    else await replaceSealedFactor(tx, row, keyring.seal(plain, factorContext(slug, row.name)));
  }
  const passwords = needed.reduce((sum, each) => sum + each.passwords, 0);
  const factors = closed.length;
  if (passwords + factors > 0 && !withoutKeys) {
    throw new Refusal(
      `${passwords} passwords and ${factors} authenticators need the SECRET_KEY of the old installation. Name it in SECRET_KEY_PREVIOUS here, or import with --without-keys: their users then set a new password by mail, and the authenticators are gone.`,
    );
  }
  await forgetPasswordsUnder(
    tx,
    needed.map(({ keyId }) => keyId),
  );
  await deleteAuthenticators(tx, closed);
  return { passwords, factors };
}

function opened(keyring: Keyring, value: string, context: string): string | undefined {
  try {
    return keyring.open(value, context);
  } catch {
    return undefined;
  }
}
