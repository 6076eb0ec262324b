// What the tests of erasure share: a tenant, users who have left traces everywhere, and a look into every table.
import { randomUUID } from 'node:crypto';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  grant,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';

export const codeOf = ({ status, body }: Answer) => [status, body.code];

/** A system with a tenant `acme`, which sends no mail. */
export async function openErasing(name: string) {
  const system = await startSystem(name, { backend: backends[0] as TestBackend });
  const tenant = await createTenant(system.url, 'acme', { mail: { enabled: false } });
  const rows: Rows = async (text, values = []) => (await system.services.db.owner.query(text, values)).rows;
  const post = (token: string, path: string, body: object) =>
    call('POST', `${system.url}${path}`, { token, key: randomUUID(), wait: 10, body });
  return {
    system,
    tenant,
    rows,
    post,
    platform: (method: string, path: string): Promise<Answer> =>
      call(method, `${system.url}${path}`, { token: tenant.secretKey }),
    eraseOwn: ({ token }: TestUser, body: unknown = { confirm: true }) =>
      call('DELETE', `${system.url}/profile`, { token, body }),
    livelyUser: (mark: string): Promise<LivelyUser> => livelyUser({ system, tenant, rows, post }, mark),
    everything: () => everything(rows),
    close: () => system.close(),
  };
}
export type Erasing = Awaited<ReturnType<typeof openErasing>>;

// biome-ignore lint/suspicious/noExplicitAny: tests look into rows of many shapes
type Rows = (text: string, values?: unknown[]) => Promise<any[]>;

/** Every row of every table, as text, queues and outbox too. */
async function everything(rows: Rows): Promise<string> {
  const tables = await rows(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname in ('coinlane', 'tenant_acme', 'pgboss', 'bullmq')`,
  );
  const texts = await Promise.all(
    tables.map(async ({ schema, name }) => {
      const found = await rows(`select t::text as line from "${schema}"."${name}" t`);
      return found.map((row) => `${name}: ${row.line}`);
    }),
  );
  // Bodies of events are bytes, which Postgres shows as hexadecimal digits.
  const bodies = await rows(`select encode(body, 'escape') as line from coinlane.provider_events`);
  return [...texts.flat(), ...bodies.map((row) => `event: ${row.line}`)].join('\n');
}

interface Ground {
  system: System;
  tenant: TestTenant;
  rows: Rows;
  post(token: string, path: string, body: object): Promise<Answer>;
}

type LivelyUser = TestUser & { purchaseId: string; checkoutUrl: string };

/** A user who has left traces everywhere. `mark` is in every text of theirs. */
async function livelyUser({ system, tenant, rows, post }: Ground, mark: string): Promise<LivelyUser> {
  const user = await registerUser(system.url, tenant, mark);
  await grant(system.url, tenant, user.id, 100);
  const spent = await post(user.token, '/wallet/spend', {
    amount: 30,
    reference: `${mark}-order`,
    metadata: { who: mark },
  });
  await post(user.token, '/wallet/refund', {
    operationId: spent.body.id,
    amount: 10,
    reason: `${mark} asked`,
  });
  const bought = await post(user.token, '/wallet/buy', {
    coins: 50,
    provider: 'sandbox',
    returnUrl: `https://shop.example/?u=${mark}`,
  });
  const { id: purchaseId, checkoutUrl } = bought.body;
  await rows(
    `insert into "tenant_acme".identities (provider, subject, user_id, email) values ('google', $1, $2, $3)`,
    [`${mark}-subject`, user.id, user.email],
  );
  await rows(
    `insert into "tenant_acme".factors (id, user_id, kind, name, secret_sealed, confirmed_at)
     values ($1, $2, 'totp', $3, 'sealed', now())`,
    [randomUUID(), user.id, `${mark}'s phone`],
  );
  await rows(
    `update "tenant_acme".sessions set address = '203.0.113.9', user_agent = $2 where user_id = $1`,
    [user.id, `${mark} browser`],
  );
  await rows(
    `insert into coinlane.mails (tenant, cause, template, status, detail, job, user_id, updated_at)
     values ('acme', $1, 'email_changed', 'waiting', $2, $3, $4, now() + interval '1 day')`,
    [
      `email_changed:${randomUUID()}`,
      `550 ${user.email}?`,
      { userId: user.id, data: { sealedTo: mark } },
      user.id,
    ],
  );
  return { ...user, purchaseId, checkoutUrl };
}
