// What a request carries through its middleware and routes, and what every route may use.
import type { Services } from '#shared/boot/services.ts';
import type { Log } from '#shared/runtime/log.ts';
import type { ApiKeyScope } from '#shared/tenants/api-keys.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Accept } from './accept.ts';
import type { Passwords } from './identity/passwords.ts';
import type { Tokens } from './identity/tokens.ts';
import type { Limits } from './limits/limits.ts';
import type { RateStanding } from './limits/refusals.ts';
import type { OutcomeWaiters } from './outcome-waiters.ts';
import type { UserExports } from './users/export.ts';
import type { WalletDirectory } from './wallet-directory.ts';

export interface UserCaller {
  type: 'user';
  tenant: Tenant;
  userId: string;
  sessionId: string;
}

export interface PlatformCaller {
  type: 'platform';
  tenant: Tenant;
  keyId: string;
  scopes: ReadonlySet<string>;
}

export type Caller = UserCaller | PlatformCaller;

export interface ApiDeps extends Services {
  accept: Accept;
  waiters: OutcomeWaiters;
  wallets: WalletDirectory;
  passwords: Passwords;
  limits: Limits;
  tokens: Tokens;
  exports: UserExports;
  /** Set once the process no longer wants new requests: /ready then says so to load balancers. */
  lifecycle: { draining: boolean };
  /** Pages that one way of starting adds to the console's navigation. */
  consoleLinks: { label: string; href: string }[];
}

export interface ApiEnv {
  Variables: {
    requestId: string;
    /** A line about the request names its id: a logger of its own for each would take longer than most requests. */
    log: Log;
    /** The address of the client, after trusted proxies. */
    address: string;
    /** Set by the caller middleware. */
    caller: Caller;
    /** Set by the tenant middleware on routes without a credential. */
    tenant: Tenant;
    /** Where the caller stands within the rate that the answer tells. */
    rate: RateStanding;
  };
}

/** The scope a platform's key needs for a route. */
export type RequiredScope = ApiKeyScope;
