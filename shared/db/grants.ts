// Lets the app role use the tables of a library's schema without owning them.
import type pg from 'pg';
import { appRole } from './migrate.ts';

/** `schema` is a fixed name of ours, never input. */
export async function grantSchemaUse(owner: pg.Pool, schema: 'pgboss' | 'bullmq'): Promise<void> {
  await owner.query(
    `grant usage on schema ${schema} to ${appRole};
     grant select, insert, update, delete on all tables in schema ${schema} to ${appRole};
     grant usage, select on all sequences in schema ${schema} to ${appRole};
     grant execute on all functions in schema ${schema} to ${appRole};
     alter default privileges in schema ${schema} grant select, insert, update, delete on tables to ${appRole};
     alter default privileges in schema ${schema} grant usage, select on sequences to ${appRole}`,
  );
}
