// Counts guesses at passwords and codes before they are looked at, by account, by address and by device.
import type { Context } from 'hono';
import type { Services } from '#shared/boot/services.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type Rate, rateLimits } from '#shared/tenants/protection-settings.ts';
import type { ApiEnv } from '../context.ts';
import { networkOf } from '../middleware/address.ts';
import type { Counters, Take } from './counters.ts';
import type { Limits, LoginAttempt } from './limits.ts';
import { noteRate, type RefusalOf } from './refusals.ts';

interface LoginLimitParts {
  counters: Counters;
  refusalOf: RefusalOf;
}

interface Bucket {
  policy: string;
  rate: Rate;
  tenant: string | undefined;
  who: string;
  /** A right proof clears it; otherwise only its own try is given back. */
  ofAccount: boolean;
}

/** One address may try several tenants: this many times the default of one, whatever each of them allows. */
const tenantsPerAddress = 3;
const ofOneTenant = rateLimits.parse({}).loginPerAddress;

/**
 * What one try takes from, narrowest first: whoever hammers one account from one address is refused there,
 * by one count, and takes nothing from the address, which others share, nor from the account.
 */
function strangersBuckets(tenant: Tenant, account: string, network: string): Bucket[] {
  const { loginPerAccountAndAddress, loginPerAddress, loginPerAccount } = tenant.settings.limits;
  const { slug } = tenant;
  // A tenant whose server logs its users in from one address raises its own rate, and is not held back here.
  const everywhere = {
    ...ofOneTenant,
    count: Math.max(tenantsPerAddress * ofOneTenant.count, loginPerAddress.count),
  };
  const narrow = { policy: 'login', rate: loginPerAccountAndAddress, who: `${account}\0${network}` };
  return [
    { ...narrow, tenant: slug, ofAccount: true },
    { policy: 'login-address', rate: loginPerAddress, tenant: slug, who: network, ofAccount: false },
    { policy: 'login-address-all', rate: everywhere, tenant: undefined, who: network, ofAccount: false },
    { policy: 'login-account', rate: loginPerAccount, tenant: slug, who: account, ofAccount: true },
  ];
}

/**
 * A device that is known here is not asked where it is: strangers at the same address must not lock it out
 * either. Whoever stole its token meets the same two rates as strangers do together.
 */
function devicesBuckets(tenant: Tenant, account: string, device: string): Bucket[] {
  const { loginPerAccountAndAddress, loginPerAccount } = tenant.settings.limits;
  const same = { tenant: tenant.slug, who: `${account}\0${device}`, ofAccount: true };
  return [
    { policy: 'login-device', rate: loginPerAccountAndAddress, ...same },
    { policy: 'login-device-row', rate: loginPerAccount, ...same },
  ];
}

/** Whoever reads the account's mail chose a new password, and is let in with it at once. */
export async function forgiveAccount(
  counters: Counters,
  tenant: Tenant,
  account: string,
  network: string,
): Promise<void> {
  const counted = strangersBuckets(tenant, account, network).filter((bucket) => bucket.ofAccount);
  for (const { policy, rate, tenant: slug, who } of counted) {
    await counters.clear(await counters.take(policy, rate, slug, who));
  }
}

export function createLoginLimit(
  { db, log }: Pick<Services, 'db' | 'log'>,
  { counters, refusalOf }: LoginLimitParts,
): Limits['login'] {
  /** Told once for each account and window, however many tries are refused. */
  const tellLocked = async ({ slug }: Tenant, rate: Rate, account: string) => {
    const told = await counters.take('login-locked', { ...rate, count: 1 }, slug, account);
    if (told.over) return;
    log.warn(
      { tenant: slug },
      'an account took too many wrong guesses: known devices only, until the window ends',
    );
    try {
      await insertAudit(db.app, { tenant: slug, actor: 'system', action: 'login.locked' });
    } catch (error) {
      log.error({ err: error, tenant: slug }, 'a locked account is missing in the audit');
    }
  };

  return async (c, tenant, account, device) => {
    const network = networkOf(c.get('address'));
    const buckets =
      device === undefined
        ? strangersBuckets(tenant, account, network)
        : devicesBuckets(tenant, account, device);
    const takes: Take[] = [];
    for (const { policy, rate, tenant: slug, who } of buckets) {
      const take = await counters.take(policy, rate, slug, who);
      takes.push(take);
      if (!take.over) continue;
      // A refused try is no guess, so it counts nowhere, not even where it was refused: every count is then
      // "guesses that were wrong or are being looked at", and a burst of right passwords leaves none behind.
      await Promise.all(takes.map((each) => counters.giveBack(each)));
      if (policy === 'login-account') await tellLocked(tenant, rate, account);
      throw refusalOf(take);
    }
    return attemptOf(c, counters, buckets, takes);
  };
}

function attemptOf(c: Context<ApiEnv>, counters: Counters, buckets: Bucket[], takes: Take[]): LoginAttempt {
  let ended = false;
  const end = async (undo: (take: Take, bucket: Bucket | undefined) => Promise<void>) => {
    if (ended) return;
    ended = true;
    await Promise.all(takes.map((take, i) => undo(take, buckets[i])));
  };
  return {
    async succeeded() {
      await end((take, bucket) => (bucket?.ofAccount ? counters.clear(take) : counters.giveBack(take)));
      const [first] = takes;
      if (first) noteRate(c, { ...first, remaining: first.rate.count });
    },
    abandoned: () => end((take) => counters.giveBack(take)),
  };
}
