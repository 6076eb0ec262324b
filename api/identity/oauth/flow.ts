// A login under way at a provider, kept in the cookie of the browser that began it.
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiDeps, ApiEnv } from '../../context.ts';
import type { Proofs } from './exchange.ts';
import { openTicket, sealTicket, type Ticket } from './tickets.ts';

/** How long a person may take at the provider. */
const flowSeconds = 600;

export interface Link {
  userId: string;
  sessionId: string;
}

/** What whoever begins a login wants to get back. */
export interface Wish {
  /** Null: the callback itself answers. */
  redirectTo: string | null;
  /** PKCE between the platform and us: who redeems the code is who began. */
  challenge: string | null;
  /** The platform's own, handed back as it came. */
  platformState: string | null;
  /** A user who wants this identity added to the account. */
  link: Link | null;
}

export interface Flow extends Proofs, Wish {
  tenant: string;
}

type FlowDeps = Pick<ApiDeps, 'config' | 'keyring'>;

const cookieName = (provider: OauthProvider) => `coinlane_oauth_${provider}`;
const purpose = (provider: OauthProvider) => `flow/${provider}`;

/** Lax: it must come with the way back, which is a navigation from the provider's site. */
function cookieOptions({ config }: FlowDeps) {
  const base = new URL(config.publicUrl);
  return {
    path: `${base.pathname.replace(/\/+$/, '')}/oauth`,
    httpOnly: true,
    sameSite: 'Lax' as const,
    secure: base.protocol === 'https:',
  };
}

export function keepFlow(deps: FlowDeps, c: Context<ApiEnv>, provider: OauthProvider, flow: Flow): void {
  const sealed = sealTicket(deps.keyring, purpose(provider), flow, flowSeconds);
  setCookie(c, cookieName(provider), sealed, { ...cookieOptions(deps), maxAge: flowSeconds });
}

/** Undefined: this browser began no login at this provider, or too long ago. */
export function findFlow(
  { keyring }: FlowDeps,
  c: Context<ApiEnv>,
  provider: OauthProvider,
): Ticket<Flow> | undefined {
  return openTicket<Flow>(keyring, purpose(provider), getCookie(c, cookieName(provider)) ?? '');
}

export function dropFlow(deps: FlowDeps, c: Context<ApiEnv>, provider: OauthProvider): void {
  deleteCookie(c, cookieName(provider), cookieOptions(deps));
}
