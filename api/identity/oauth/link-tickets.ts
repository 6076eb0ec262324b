// The two notes of a linking: one begins it in a browser, one brings back what the provider proved.
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../../context.ts';
import type { Link } from './flow.ts';
import { openTicket, sealTicket, spendTicket, type Ticket } from './tickets.ts';

/** How long a browser may take to open the address. */
const linkSeconds = 300;

export interface LinkNote extends Link {
  tenant: string;
  redirectTo: string;
  platformState: string | null;
}

const purpose = (provider: OauthProvider) => `link/${provider}`;

export function sealLinkTicket(
  { keyring }: Pick<ApiDeps, 'keyring'>,
  provider: OauthProvider,
  note: LinkNote,
): string {
  return sealTicket(keyring, purpose(provider), note, linkSeconds);
}

export function openLinkTicket(
  { keyring }: Pick<ApiDeps, 'keyring'>,
  provider: OauthProvider,
  text: string,
): Ticket<LinkNote> | undefined {
  return openTicket<LinkNote>(keyring, purpose(provider), text);
}

/** False: a browser went with it before. */
export function spendLinkTicket(deps: Pick<ApiDeps, 'db'>, note: Ticket<LinkNote>): Promise<boolean> {
  return spendTicket(deps, note.tenant, 'link', note);
}
