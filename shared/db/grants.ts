// Lets the app role use the tables of a library's schema without owning them.
import type pg from 'pg';
import { appRole, queueRole } from './migrate.ts';

/** The roles are the outbox's users for pgboss, and the queue's own for bullmq; both names are ours, never input. */
export async function grantSchemaUse(owner: pg.Pool, schema: 'pgboss' | 'bullmq'): Promise<void> {
  const role = schema === 'bullmq' ? queueRole : appRole;
  await owner.query(
    `grant usage on schema ${schema} to ${role};
     ${schema === 'bullmq' ? `grant create on schema bullmq to ${role};` : ''}
     grant select, insert, update, delete on all tables in schema ${schema} to ${role};
     grant usage, select on all sequences in schema ${schema} to ${role};
     grant execute on all functions in schema ${schema} to ${role};
     alter default privileges in schema ${schema} grant select, insert, update, delete on tables to ${role};
     alter default privileges in schema ${schema} grant usage, select on sequences to ${role}`,
  );
}
