// Finds users of a tenant for those who manage them.
import type { z } from 'zod';
import { withTenant } from '#shared/db/pool.ts';
import { findWholeUser, listUsers, type UserWhole } from '#shared/db/users.ts';
import type { ApiDeps } from '../context.ts';
import { isId, toPage } from '../operator/listing.ts';
import { noSuchUser } from './standing.ts';
import type { usersQuery } from './user-views.ts';

/** A page of users, the newest first. */
export async function readUsers(
  { db }: Pick<ApiDeps, 'db'>,
  tenant: string,
  { cursor: after, limit, email, status }: z.infer<typeof usersQuery>,
) {
  const filter = { email, status, after, limit: limit + 1 };
  return toPage(await withTenant(db.app, tenant, (tx) => listUsers(tx, filter)), limit);
}

/** @throws Problem user_not_found. One who is erased is still shown. */
export async function requireUserOf(
  { db }: Pick<ApiDeps, 'db'>,
  tenant: string,
  userId: string,
): Promise<UserWhole> {
  const user = isId(userId) ? await withTenant(db.app, tenant, (tx) => findWholeUser(tx, userId)) : undefined;
  if (!user) throw noSuchUser();
  return user;
}
