// What the contract shows of a user.
import type { UserRow } from '#shared/db/identity.ts';

export interface UserView {
  id: string;
  email: string;
  emailVerified: boolean;
  name: string | null;
  /** ISO 8601, UTC. */
  createdAt: string;
}

export function toUserView(user: UserRow): UserView {
  return {
    id: user.id,
    email: user.email ?? '',
    emailVerified: user.emailVerifiedAt !== null,
    name: user.name,
    createdAt: user.createdAt.toISOString(),
  };
}
