// What bounds how often somebody may try: every route that guessing or flooding could use asks here first.
import type { Context } from 'hono';
import type { Services } from '#shared/boot/services.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiEnv } from '../context.ts';

export interface LoginAttempt {
  /** The proof was right: what was counted is given back. */
  succeeded(): Promise<void>;
}

export interface Limits {
  /**
   * Before a password or a code is looked at: counts the attempt as failed until told otherwise. `account`:
   * the normalised address, known or not, or `user:<id>`. `device`: the id of a device that this account
   * logged in from before, which has a count of its own, so that strangers cannot lock it out.
   * @throws Problem rate_limited with Retry-After and RateLimit headers
   */
  login(c: Context<ApiEnv>, tenant: Tenant, account: string, device?: string): Promise<LoginAttempt>;
  /** @throws Problem rate_limited */
  register(c: Context<ApiEnv>, tenant: Tenant): Promise<void>;
  /** False: this address was sent enough; answer as if it were sent. @throws Problem rate_limited for the caller's address */
  mail(c: Context<ApiEnv>, tenant: Tenant, account: string): Promise<boolean>;
  /** Refreshes, and tries at links, codes and states. @throws Problem rate_limited */
  token(c: Context<ApiEnv>, tenant: Tenant): Promise<void>;
}

export function createLimits(_services: Services): Limits {
  return {
    login: async () => ({ succeeded: async () => undefined }),
    register: async () => undefined,
    mail: async () => true,
    token: async () => undefined,
  };
}
