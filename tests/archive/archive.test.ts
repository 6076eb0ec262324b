// A tenant moves whole: every row is the same over there, its users log in, and its keys answer what they answered.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTenantSchema, latestTenantVersion } from '#shared/db/migrate.ts';
import { withTransaction } from '#shared/db/pool.ts';
import { activateTenant, insertTenant } from '#shared/db/tenants.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { backends } from '#tests/support/backends.ts';
import { call, integrity } from '#tests/support/client.ts';
import { testSecretKey } from '#tests/support/database.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { Refusal } from '../../scripts/archive/format.ts';
import { type LoadOptions, loadArchive } from '../../scripts/archive/load.ts';
import { type Written, writeArchive } from '../../scripts/archive/write.ts';
import { findDifferences } from '../../scripts/doctor/books.ts';
import { sealAll } from '../chain/ground.ts';
import { codeOf } from '../identity/factor-support.ts';
import { buildOldHouse, digests, type OldHouse, slug } from './old-house.ts';
import { refusals } from './refusals.ts';

const folder = mkdtempSync(join(tmpdir(), 'coinlane-archive-'));
const archive = join(folder, 'old-house.ndjson');
let from: System;
let to: System;
let house: OldHouse;
let written: Written;

beforeAll(async () => {
  [from, to] = await Promise.all([
    startSystem('archive-from', { backend: backends[0]! }),
    startSystem('archive-to', { backend: backends[0]! }),
  ]);
  house = await buildOldHouse(from);
  written = await exportTo(archive, slug);
});
afterAll(async () => {
  await Promise.all([from?.close(), to?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

async function exportTo(path: string, tenant: string, system = from): Promise<Written> {
  const pieces: string[] = [];
  const done = await writeArchive(system.services.db, tenant, async (text) => void pieces.push(text));
  writeFileSync(path, pieces.join(''));
  return done;
}
const load = (path: string, options: LoadOptions = {}, keyring = to.services.keyring) =>
  loadArchive(to.services.db, keyring, path, options);
const tenantsThere = async () =>
  (await to.services.db.owner.query('select slug from coinlane.tenants order by 1')).rows.map(
    (row) => row.slug,
  );

describe('what is refused changes nothing', () => {
  test.each(refusals)('%s', async (_what, path, options, said) => {
    const refusal = await load(path(archive), options).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect((refusal as Error).message).toMatch(said);
    expect(await tenantsThere()).toEqual([]);
  });

  test('passwords and authenticators whose key is not here, unless they are given up', async () => {
    const elsewhere = createKeyring(['the-key-of-another-installation-0123456789']);
    await expect(load(archive, {}, elsewhere)).rejects.toThrow(
      '2 passwords and 1 authenticators need the SECRET_KEY of the old installation',
    );
    const given = await load(archive, { withoutKeys: true, dryRun: true }, elsewhere);
    expect(given).toMatchObject({ passwords: 2, factors: 1 });
    expect(await tenantsThere()).toEqual([]);
  });
});

test('an archive holds neither keys nor credentials nor logins, and a table of everything else', () => {
  const text = readFileSync(archive, 'utf8');
  expect(text).not.toContain('"table":"sessions"');
  expect(text).not.toContain(house.secretKey);
  expect(written.header.tables.filter(({ rows }) => rows > 0).map(({ name }) => name)).toEqual(
    expect.arrayContaining(
      [
        'users',
        'wallets',
        'lots',
        'operations',
        'entries',
        'purchases',
        'purchase_refunds',
        'holds',
        'item_sales',
      ].concat(['entitlements', 'batches', 'schedules', 'factors', 'chain', 'clock', 'coinlane.audit']),
    ),
  );
});

describe('a tenant that was imported', () => {
  beforeAll(async () => {
    await load(archive, { dryRun: true });
    expect(await tenantsThere()).toEqual([]);
    const loaded = await load(archive);
    expect(loaded).toMatchObject({ rows: written.rows, passwords: 0, factors: 0 });
  });
  const bearer = async (email: string) => {
    const body = { email, password: 'correct horse battery' };
    return call('POST', `${to.url}/login`, { tenant: slug, body });
  };

  test('has every row as it was, and is there only once', async () => {
    const [old, fresh] = [await digests(from, slug), await digests(to, slug)];
    // Sealed anew, under the same key.
    for (const each of [old, fresh])
      for (const name of ['sessions', 'mail_tokens', 'factors']) delete each[name];
    expect(fresh).toEqual(old);
    expect(await findDifferences(to.services.db, slug)).toEqual([]);
    await expect(load(archive)).rejects.toThrow(`A tenant "${slug}" exists`);
  });

  test('lets its users in, answers old keys with their old outcomes, and goes on', async () => {
    const login = await bearer(house.ann.email);
    expect(login.status).toBe(200);
    const asked = await bearer(house.bob.email);
    expect(asked.body.code).toBe('second_factor_required');
    await to.services.db.owner.query(`update "tenant_${slug}".factors set counter = -1`);
    const code = { challenge: asked.body.challenge, code: codeOf(house.secret) };
    expect((await call('POST', `${to.url}/login/second-factor`, { body: code })).status).toBe(200);

    const { key, body, answer } = house.spent;
    const made = await call('POST', `${to.url}/operator/tenants/${slug}/keys`, {
      ...{ token: operatorToken, body: { name: 'new', scopes: ['spend', 'refund', 'read'] } },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const options = { token: made.body.secretKey, wait: 10 };
    const replay = await call('POST', `${to.url}/wallet/spend`, { ...options, key, body });
    expect(replay.headers.get('idempotency-replayed')).toBe('true');
    expect(replay.body).toEqual(answer.body);

    const spend = { ...options, key: randomUUID(), body: { userId: house.ann.id, amount: 7 } };
    expect((await call('POST', `${to.url}/wallet/spend`, spend)).body).toMatchObject({ status: 'applied' });
    const capture = { ...options, key: randomUUID(), body: { amount: 5 } };
    const captured = await call('POST', `${to.url}/wallet/holds/${house.holdId}/capture`, capture);
    expect(captured.body).toMatchObject({ status: 'applied' });
    await sealAll(to, slug);
    expect((await integrity(to.url, slug)).body).toMatchObject({ ok: true });
    expect(await findDifferences(to.services.db, slug)).toEqual([]);
  });

  test('may come under another name, where its chain begins anew', async () => {
    await load(archive, { as: 'new-house' });
    await sealAll(to, 'new-house');
    expect(await findDifferences(to.services.db, 'new-house')).toEqual([]);
    const [old, fresh] = [await digests(from, slug), await digests(to, 'new-house')];
    expect(fresh.entries).toBe(old.entries);
    expect(fresh.chain).not.toBe(old.chain);
    const { rows } = await to.services.db.owner.query(
      `select detail from coinlane.audit where tenant = 'new-house' and action = 'tenant.import'`,
    );
    expect(rows[0].detail).toMatchObject({ from: slug, head: { n: expect.any(Number) } });
    const sealed = await to.services.db.owner.query(
      'select user_id, secret_sealed from "tenant_new-house".factors where secret_sealed is not null',
    );
    const context = `tenant/new-house/factor/${sealed.rows[0].user_id}`;
    expect(to.services.keyring.open(sealed.rows[0].secret_sealed, context)).toBe(house.secret);
  });
});

describe('by its commands', () => {
  const run = (script: string, system: System, ...given: string[]) => {
    const path = fileURLToPath(new URL(`../../scripts/${script}.ts`, import.meta.url));
    const env = { ...process.env, DATABASE_URL: system.database.url, SECRET_KEY: testSecretKey };
    const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...given], {
      env,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

  test('what was exported is imported, and both say what did not come along', async () => {
    const path = join(folder, 'by-command.ndjson');
    const exported = run('export', from, slug, '--out', path);
    expect(exported).toMatchObject({ status: 0, stdout: '' });
    expect(exported.stderr).toContain('Not in it, since it belongs to this installation: 1 secret keys');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8').split('\n').slice(1, -2)).toEqual(
      readFileSync(archive, 'utf8').split('\n').slice(1, -2),
    );
    const imported = run('import', to, path, '--as', 'by-command');
    expect(imported).toMatchObject({ status: 0, stderr: '' });
    expect(imported.stdout).toContain('The tenant "by-command" is open.');
    await expect(exportTo(path, 'nobody')).rejects.toThrow('There is no tenant "nobody".');
  });
});

test('an archive of older tables is upgraded on its way in', async () => {
  const older = 7;
  await withTransaction(from.services.db.owner, async (tx) => {
    const coin = { code: 'COIN', name: 'Coin', symbol: 'c' };
    await insertTenant(tx, { slug: 'older', name: 'Older', coin, settings: {}, sealed: {}, sandbox: false });
    await createTenantSchema(tx, 'older', older);
    await tx.query(
      `insert into tenant_older.users (id, email) values ('${randomUUID()}', 'old@example.com')`,
    );
    await tx.query(
      `insert into tenant_older.wallets (id, user_id, currency) select gen_random_uuid(), id, 'COIN' from tenant_older.users`,
    );
    await activateTenant(tx, 'older', older);
  });
  const path = join(folder, 'older.ndjson');
  expect((await exportTo(path, 'older')).header.schema).toBe(older);
  for (const as of ['older', 'older-still']) {
    await load(path, { as });
    const { rows } = await to.services.db.owner.query(
      `select schema_version, (select count(*)::int from "tenant_${as}".users) as users from coinlane.tenants where slug = $1`,
      [as],
    );
    expect(rows).toEqual([{ schema_version: await latestTenantVersion(), users: 1 }]);
  }
});
