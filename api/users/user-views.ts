// How platforms and operators see users and what is done to them, and the inputs of those routes.
import { z } from '@hono/zod-openapi';
import { type UserLine, type UserWhole, userStatuses } from '#shared/db/users.ts';
import { email } from '../identity/schemas.ts';
import { listQuery } from '../operator/listing.ts';
import { cleanText } from '../routes/schemas.ts';
import type { Erasure } from './erase.ts';

export const usersQuery = listQuery.extend({
  email: email.optional().describe('The one user with this address'),
  status: z.enum(userStatuses).optional(),
});

export const banInput = z.strictObject({
  reason: cleanText.trim().min(1).max(500).optional().describe("Why; part of the user's export of data"),
});

export const userLineSchema = z
  .object({
    id: z.uuid(),
    email: z.string().nullable().describe('Null: erased'),
    emailVerified: z.boolean(),
    name: z.string().nullable(),
    status: z.enum(userStatuses),
    createdAt: z.iso.datetime(),
    bannedAt: z.iso.datetime().nullable(),
    banReason: z.string().nullable(),
    erasedAt: z.iso.datetime().nullable(),
  })
  .openapi('ManagedUser');

export const wholeUserSchema = userLineSchema
  .extend({
    hasPassword: z.boolean(),
    sessions: z.int().describe('How many are open'),
    identities: z.array(
      z.object({
        provider: z.string(),
        email: z.string().nullable(),
        createdAt: z.iso.datetime(),
        lastUsedAt: z.iso.datetime(),
      }),
    ),
    factors: z.array(
      z.object({
        kind: z.string(),
        name: z.string().nullable(),
        createdAt: z.iso.datetime(),
        lastUsedAt: z.iso.datetime().nullable(),
      }),
    ),
    wallets: z.array(
      z.object({
        id: z.uuid(),
        currency: z.string(),
        balance: z.int(),
        held: z.int(),
        debt: z.int(),
        frozenReason: z.string().nullable(),
      }),
    ),
  })
  .openapi('ManagedUserDetails');

export const erasureSchema = z
  .object({
    userId: z.uuid(),
    erasedAt: z.iso.datetime(),
    coinsForfeited: z.int().describe('Left in the wallet: in the books for ever, and spendable by nobody'),
    coinsOwed: z.int(),
  })
  .openapi('Erasure');

/** What exports hold, for the document. */
export const exportSchema = z.record(z.string(), z.unknown()).openapi('UserExport', {
  description:
    '`profile` is one object; `identities`, `factors`, `sessions`, `mailLinks`, `wallets`, `lots`, `freezes`, ' +
    '`operations`, `history`, `purchases`, `refunds`, `disputes`, `mails` and `audit` are lists. No secrets.',
});

const time = (date: Date | null) => date?.toISOString() ?? null;

export function toUserLine(user: UserLine): z.infer<typeof userLineSchema> {
  const { id, name, status, banReason } = user;
  return {
    id,
    email: user.email,
    emailVerified: user.emailVerifiedAt !== null,
    name,
    status,
    createdAt: user.createdAt.toISOString(),
    bannedAt: time(user.bannedAt),
    banReason,
    erasedAt: time(user.erasedAt),
  };
}

export function toWholeUser(user: UserWhole): z.infer<typeof wholeUserSchema> {
  const { hasPassword, sessions, wallets } = user;
  return {
    ...toUserLine(user),
    hasPassword,
    sessions,
    identities: user.identities.map((each) => ({
      ...each,
      createdAt: each.createdAt.toISOString(),
      lastUsedAt: each.lastUsedAt.toISOString(),
    })),
    factors: user.factors.map((each) => ({
      ...each,
      createdAt: each.createdAt.toISOString(),
      lastUsedAt: time(each.lastUsedAt),
    })),
    wallets,
  };
}

export function toErasure({ erasedAt, ...erasure }: Erasure): z.infer<typeof erasureSchema> {
  return { ...erasure, erasedAt: erasedAt.toISOString() };
}
