// What bounds how often somebody may try: every route that guessing or flooding could use asks here first.
import type { Context } from 'hono';
import type { Services } from '#shared/boot/services.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Rate } from '#shared/tenants/protection-settings.ts';
import type { ApiEnv, Caller } from '../context.ts';
import { networkOf } from '../middleware/address.ts';
import { createCounters, type Take } from './counters.ts';
import { createLoginLimit, forgiveAccount } from './login-limit.ts';
import { createRefusals, noteRate } from './refusals.ts';
import { createRequestLimit } from './request-limit.ts';
import { createTurns } from './turns.ts';

export interface LoginAttempt {
  /** The proof was right: what was counted is given back, also when a second factor is still to come. */
  succeeded(): Promise<void>;
  /** The proof was not looked at, because we were busy or broken: as if nobody had tried. */
  abandoned(): Promise<void>;
}

export interface Limits {
  /**
   * Before a password or a code is looked at: counts the attempt as failed until told otherwise. `account`:
   * the normalised address, known or not, or `user:<id>`. `device`: the id of a device that this account
   * logged in from before, which has a count of its own, so that strangers cannot lock it out.
   * @throws Problem rate_limited with Retry-After and RateLimit headers
   */
  login(c: Context<ApiEnv>, tenant: Tenant, account: string, device?: string): Promise<LoginAttempt>;
  /**
   * Runs a whole login, `login` above included, when it is this account's turn: parallel ones with the right
   * password wait for each other instead of counting as guesses. @throws Problem overloaded
   */
  inTurn<T>(tenant: Tenant, account: string, device: string | undefined, work: () => Promise<T>): Promise<T>;
  /** The owner proved who they are by mail: what this caller, and strangers together, failed at is forgotten. */
  recovered(c: Context<ApiEnv>, tenant: Tenant, account: string): Promise<void>;
  /** @throws Problem rate_limited */
  register(c: Context<ApiEnv>, tenant: Tenant): Promise<void>;
  /** False: this address was sent enough; answer as if it were sent. @throws Problem rate_limited for the caller's address */
  mail(c: Context<ApiEnv>, tenant: Tenant, account: string): Promise<boolean>;
  /** Refreshes, and tries at links, codes and states. @throws Problem rate_limited */
  token(c: Context<ApiEnv>, tenant: Tenant): Promise<void>;
  /** What a provider sends without proof is stored before it is checked. @throws Problem rate_limited */
  webhook(c: Context<ApiEnv>, tenant: string, provider: string): Promise<void>;
  /** Guesses at the operator's token. @throws Problem rate_limited */
  operatorLogin(c: Context<ApiEnv>): Promise<Pick<LoginAttempt, 'succeeded'>>;
  /** Every request that names its caller; undefined, at no cost, where the tenant sets no such rate. */
  request(c: Context<ApiEnv>, caller: Caller): Promise<void> | undefined;
}

/** Providers send bursts after an outage of ours; more than ten a second from one address is no provider. */
const webhookRate: Rate = { count: 600, seconds: 60 };
const operatorLoginRate: Rate = { count: 10, seconds: 300 };

export function createLimits(services: Services): Limits {
  const counters = createCounters(services);
  const { refusalOf } = createRefusals(services);
  const turns = createTurns();
  const takeOrRefuse = async (...bucket: Parameters<typeof counters.take>): Promise<Take> => {
    const take = await counters.take(...bucket);
    if (take.over) throw refusalOf(take);
    return take;
  };
  const addressOf = (c: Context<ApiEnv>) => networkOf(c.get('address'));
  return {
    login: createLoginLimit(services, { counters, refusalOf }),
    // A known device does not stand in line behind strangers.
    inTurn: ({ slug }, account, device = '', work) => turns.run(`${slug}\0${account}\0${device}`, work),
    recovered: (c, tenant, account) => forgiveAccount(counters, tenant, account, addressOf(c)),
    request: createRequestLimit(refusalOf),
    // Answers to register and mail must be alike for all addresses: a count that goes down is left out of them.
    async register(c, { slug, settings }) {
      await takeOrRefuse('register', settings.limits.registerPerAddress, slug, addressOf(c));
    },
    async mail(c, { slug, settings }, account) {
      await takeOrRefuse('mail', settings.limits.mailPerAddress, slug, addressOf(c));
      const take = await counters.take('mail-account', settings.limits.mailPerAccount, slug, account);
      if (take.over) services.metrics.rateLimited.labels(take.policy).inc();
      return !take.over;
    },
    async token(c, { slug, settings }) {
      noteRate(c, await takeOrRefuse('token', settings.limits.tokenPerAddress, slug, addressOf(c)));
    },
    async webhook(c, tenant, provider) {
      await takeOrRefuse('webhook', webhookRate, tenant, `${provider} ${addressOf(c)}`);
    },
    async operatorLogin(c) {
      const take = await takeOrRefuse('operator-login', operatorLoginRate, undefined, addressOf(c));
      return { succeeded: () => counters.clear(take) };
    },
  };
}
