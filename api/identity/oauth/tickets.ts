// Sealed notes that a browser or a platform keeps for us during a login: short-lived, for one purpose, used once.
import { createHash, randomBytes } from 'node:crypto';
import { withTransaction } from '#shared/db/pool.ts';
import { insertUsedToken } from '#shared/db/used-tokens.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';
import type { ApiDeps } from '../../context.ts';

export type Ticket<Content> = Content & {
  /** What is remembered once it was used: base64 can be written in several ways, so the text will not do. */
  id: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
};

/** 256 random bits, in the alphabet of PKCE's verifier (RFC 7636 section 4.1). */
export const randomText = () => randomBytes(32).toString('base64url');

const context = (purpose: string) => `oauth/${purpose}`;

/** `purpose` is sealed in: a note for one thing, provider or tenant is none for another. */
export function sealTicket<Content extends object>(
  keyring: Keyring,
  purpose: string,
  content: Content,
  seconds: number,
): string {
  const ticket: Ticket<Content> = { ...content, id: randomText(), expiresAt: Date.now() + seconds * 1000 };
  return keyring.seal(JSON.stringify(ticket), context(purpose));
}

/** Undefined: not one of ours for this purpose, or too old. */
export function openTicket<Content extends object>(
  keyring: Keyring,
  purpose: string,
  sealed: string,
): Ticket<Content> | undefined {
  try {
    // What the keyring opens under this context was sealed by sealTicket, whole.
    const ticket = JSON.parse(keyring.open(sealed, context(purpose))) as Ticket<Content>;
    return ticket.expiresAt > Date.now() ? ticket : undefined;
  } catch {
    return undefined;
  }
}

/** False: it was used before. Of several that try at once, one gets true. */
export function spendTicket(
  { db }: Pick<ApiDeps, 'db'>,
  tenant: string,
  purpose: string,
  ticket: { id: string; expiresAt: number },
): Promise<boolean> {
  const hash = createHash('sha256')
    .update(`${context(purpose)}/${ticket.id}`)
    .digest();
  const expiresAt = new Date(ticket.expiresAt);
  return withTransaction(db.app, (tx) => insertUsedToken(tx, { hash, tenant, purpose, expiresAt }));
}
