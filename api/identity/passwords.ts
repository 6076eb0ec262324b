// Hashes and checks passwords: bcrypt over a peppered HMAC, so that every byte counts and a stolen table is not enough.
import { createHmac, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import type { Services } from '#shared/boot/services.ts';
import type { UserRow } from '#shared/db/identity.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import { createHashGate } from './hash-gate.ts';

export interface StoredPassword {
  hash: string;
  /** `bcrypt-hmac-sha256:<pepper key id>:<cost>`; of a hash from another system `sealed-bcrypt:<key id>:<cost>`. */
  scheme: string;
}

/** `tenant`: its slug, for tenants take turns. Both throw Problem overloaded when too many are being hashed. */
export interface Passwords {
  hash(tenant: string, password: string): Promise<StoredPassword>;
  /**
   * Does the same work whether there is a stored password or not. `rehash`: the password is right, and
   * stored under an older key or another cost than today's.
   */
  verify(
    tenant: string,
    password: string,
    stored: StoredPassword | undefined,
  ): Promise<{ ok: boolean; rehash: boolean }>;
}

const schemeName = 'bcrypt-hmac-sha256';
const foreignName = 'sealed-bcrypt';
const foreignContext = 'password/foreign';
const schemePattern = new RegExp(`^${schemeName}:([0-9a-f]{8}):\\d{1,2}$`);
const hashPattern = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const pepperPurpose = 'password-pepper';
/** bcrypt knows none below. */
const costMin = 4;
/** A row that says more would hold a core for seconds: somebody else wrote it (research, section 2.14). */
const storedCostMax = 14;
const waitingMax = 64;

/** bcrypt stops at 72 bytes and at NUL: it gets 44 characters of base64 instead, which all of the password made. */
function pepper(password: string, key: Buffer): string {
  return createHmac('sha256', key).update(password, 'utf8').digest('base64');
}

/**
 * A bcrypt hash that another system made knows no pepper. It lies sealed until its user logs in and a hash of our own
 * replaces it: whoever reads the table cannot try it, and whoever writes there cannot put one of theirs.
 */
export function sealForeignHash(keyring: Pick<Keyring, 'seal' | 'keyId'>, hash: string): StoredPassword {
  const scheme = `${foreignName}:${keyring.keyId}:${Number(hashPattern.exec(hash)?.[1])}`;
  return { hash: keyring.seal(hash, foreignContext), scheme };
}

/** Nothing when no key of ours sealed it. */
function openForeign(keyring: Pick<Keyring, 'open'>, sealed: string): string {
  try {
    return keyring.open(sealed, foreignContext);
  } catch {
    return '';
  }
}

type Prepare = (password: string) => string;
/** What the other system hashed, as it did. */
const unpeppered: Prepare = (password) => password;

/** A hash in valid form and at this cost that no password has, for users who do not exist. */
function makeDummyHash(cost: number): string {
  const digest = randomBytes(31).toString('hex').slice(0, 31);
  return `${bcrypt.genSaltSync(cost)}${digest}`;
}

export function createPasswords(
  services: Pick<Services, 'config' | 'keyring' | 'metrics' | 'log'>,
): Passwords {
  const { config, keyring, metrics, log } = services;
  const cost = config.BCRYPT_COST;
  const dummy = makeDummyHash(cost);
  const dummies = Array.from({ length: cost }, (_, under) => makeDummyHash(Math.max(under, costMin)));
  const gate = createHashGate({
    parallelMax: Math.max(1, availableParallelism() - 1),
    waitingMax,
    onWaiting: (count) => metrics.hashQueue.set(count),
  });
  /** What a stored password is checked with, or undefined when it cannot or must not be checked. */
  const usable = (stored: StoredPassword) => {
    const isForeign = stored.scheme.startsWith(`${foreignName}:`);
    const hash = isForeign ? openForeign(keyring, stored.hash) : stored.hash;
    const keyId = schemePattern.exec(stored.scheme)?.[1];
    const storedCost = Number(hashPattern.exec(hash)?.[1] ?? Number.NaN);
    const key = keyId === undefined ? undefined : keyring.deriveUnder(keyId, pepperPurpose);
    const prepare: Prepare | undefined = isForeign
      ? unpeppered
      : key && ((password) => pepper(password, key));
    if (prepare && storedCost >= costMin && storedCost <= storedCostMax)
      return { prepare, hash, storedCost, rehash: keyId !== keyring.keyId || storedCost !== cost };
    log.warn({ scheme: stored.scheme, cost: storedCost }, 'a stored password cannot be checked');
    return undefined;
  };
  /** Each cost is twice the work of the one before: with those in between, a hash of old takes as long as one of today. */
  const compare = async (peppered: string, hash: string, hashCost: number) => {
    const same = await bcrypt.compare(peppered, hash);
    for (const filler of dummies.slice(hashCost)) await bcrypt.compare(peppered, filler);
    return same;
  };
  return {
    async hash(tenant, password) {
      const peppered = pepper(password, keyring.derive(pepperPurpose));
      const hash = await gate.run(tenant, () => bcrypt.hash(peppered, cost));
      return { hash, scheme: `${schemeName}:${keyring.keyId}:${cost}` };
    },
    async verify(tenant, password, stored) {
      const way = stored && usable(stored);
      const peppered = way?.prepare(password) ?? pepper(password, keyring.derive(pepperPurpose));
      const hash = way?.hash ?? dummy;
      const same = await gate.run(tenant, () => compare(peppered, hash, way?.storedCost ?? cost));
      const ok = same && way !== undefined;
      return { ok, rehash: ok && way.rehash };
    },
  };
}

/** What a user's row holds for `verify`; undefined for nobody, and for users without a password. */
export function storedPasswordOf(user: UserRow | undefined): StoredPassword | undefined {
  if (!user || user.passwordHash === null || user.passwordScheme === null) return undefined;
  return { hash: user.passwordHash, scheme: user.passwordScheme };
}
