// What the routes of identity read from a request besides its body.
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiEnv } from '../context.ts';
import type { Device } from './sessions.ts';

const userAgentLengthMax = 256;

export function deviceOf(c: Context<ApiEnv>): Device {
  return {
    address: c.get('address'),
    userAgent: c.req.header('user-agent')?.slice(0, userAgentLengthMax) ?? null,
  };
}

/** @throws Problem tenant_mismatch when X-Tenant names another tenant than the credential does. */
export function requireSameTenant(c: Context<ApiEnv>, tenant: string): void {
  const named = c.req.header('x-tenant');
  if (named !== undefined && named !== tenant) throw new Problem('tenant_mismatch');
}

/** Answers with tokens are for nobody else to keep (RFC 6749 section 5.1). */
export const noStore = { 'Cache-Control': 'no-store' };
