// What is long over is taken away, and nothing else.
import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepHouse } from '#workers/housekeeping.ts';
import { backends } from '../support/backends.ts';
import { createTenant, registerUser, type TestTenant, type TestUser } from '../support/client.ts';
import { type System, startSystem, uniqueSlug } from '../support/system.ts';

let system: System;
let tenant: TestTenant;
let user: TestUser;
beforeAll(async () => {
  system = await startSystem('housekeeping', { backend: backends[0]!, workers: false });
  tenant = await createTenant(system.url, uniqueSlug());
  user = await registerUser(system.url, tenant);
});
afterAll(() => system?.close());

const sql = async (text: string, values: unknown[] = []) =>
  (await system.services.db.owner.query(text.replaceAll('$schema', `"tenant_${tenant.slug}"`), values)).rows;

test('sessions, tokens and unproven factors go once they are long over; those of today stay', async () => {
  const session = (id: string, ended: string) =>
    sql(
      `insert into $schema.sessions (id, user_id, expires_at, family_hash, current_hash, revoked_at)
       values ($1, $2, now() + interval '30 days', '\\x00', '\\x00', now() - $3::interval)`,
      [id, user.id, ended],
    );
  const [old, recent] = [randomUUID(), randomUUID()];
  await session(old, '91 days');
  await session(recent, '89 days');
  const token = (expired: string) =>
    sql(
      `insert into $schema.mail_tokens (hash, user_id, purpose, email, expires_at)
       values ($1, $2, 'reset_password', 'a@example.com', now() - $3::interval)`,
      [randomBytes(32), user.id, expired],
    );
  await token('8 days');
  await token('6 days');
  const used = (expired: string) =>
    sql(
      `insert into coinlane.used_tokens (hash, tenant, purpose, expires_at) values ($1, $2, 'oauth', now() - $3::interval)`,
      [randomBytes(32), tenant.slug, expired],
    );
  await used('1 minute');
  await used('-1 minute');
  const factor = (age: string, confirmed: boolean) =>
    sql(
      `insert into $schema.factors (id, user_id, kind, created_at, confirmed_at)
       values ($1, $2, 'recovery_code', now() - $3::interval, case when $4 then now() end)`,
      [randomUUID(), user.id, age, confirmed],
    );
  await factor('8 days', false);
  await factor('8 days', true);

  expect(await keepHouse(system.services)).toBe(4);
  expect(await keepHouse(system.services)).toBe(0);
  const left = (await sql('select id from $schema.sessions where id <> $1', [old])).map((row) => row.id);
  expect(left).toContain(recent);
  // The session that registering opened is the third.
  expect(left).toHaveLength(2);
  expect(await sql('select 1 from $schema.mail_tokens where purpose = $1', ['reset_password'])).toHaveLength(
    1,
  );
  expect(await sql('select 1 from coinlane.used_tokens')).toHaveLength(1);
  expect(await sql('select 1 from $schema.factors')).toHaveLength(1);
});
