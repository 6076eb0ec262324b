// People with wallets and tokens, made without a login each: what is measured is what they do.
import { randomBytes } from 'node:crypto';
import { createTokens } from '#api/identity/tokens.ts';
import type { Services } from '#shared/boot/services.ts';
import { newId } from '#shared/runtime/ids.ts';
import { type BenchWallet, makeTenant } from './bench-tenant.ts';

export interface People {
  tenant: string;
  wallets: BenchWallet[];
  /** One a wallet, good for a quarter of an hour. */
  tokens: string[];
  renewTokens(): Promise<void>;
}

export async function makePeople(services: Services, slug: string): Promise<People> {
  const { wallets } = await makeTenant(services, slug);
  const sessions = wallets.map(({ userId }) => ({ id: newId(), userId }));
  await services.db.owner.query(
    `insert into "tenant_${slug}".sessions (id, user_id, expires_at, family_hash, current_hash)
     select id, user_id, now() + interval '1 day', $3, $3 from unnest($1::uuid[], $2::uuid[]) as given (id, user_id)`,
    [sessions.map((each) => each.id), sessions.map((each) => each.userId), randomBytes(32)],
  );
  const people: People = {
    tenant: slug,
    wallets,
    tokens: [],
    async renewTokens() {
      people.tokens = await issueTokens(services, slug, sessions);
    },
  };
  await people.renewTokens();
  return people;
}

async function issueTokens(
  services: Services,
  tenant: string,
  sessions: { id: string; userId: string }[],
): Promise<string[]> {
  const sign = await createTokens(services).signerOf(tenant);
  const tokens = [];
  for (const { id, userId } of sessions) tokens.push((await sign({ userId, sessionId: id })).accessToken);
  return tokens;
}
