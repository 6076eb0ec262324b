// The doctor finds the walls whole on a sound database, and names each hole that is made in one.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareDatabase } from '#shared/boot/prepare.ts';
import { createLog } from '#shared/runtime/log.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { backends } from '../support/backends.ts';
import { createTenant, registerUser } from '../support/client.ts';
import { testSecretKey } from '../support/database.ts';
import { operatorToken, type System, startSystem } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('doctor', { backend: backends[0]!, workers: false });
  for (const slug of ['ours', 'theirs']) {
    const stripe = { secretKey: `sk_${slug}`, webhookSecret: `whsec_${slug}` };
    const tenant = await createTenant(system.url, slug, { providers: { stripe } });
    await registerUser(system.url, tenant);
  }
});
afterAll(() => system?.close());

interface Ended {
  code: number;
  text: string;
}

function run(script: string, settings: Record<string, string> = {}): Promise<Ended> {
  const path = fileURLToPath(new URL(`../../scripts/${script}.ts`, import.meta.url));
  const env = {
    ...process.env,
    DATABASE_URL: system.database.url,
    SECRET_KEY: testSecretKey,
    OPERATOR_TOKEN: operatorToken,
    ...settings,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [path, '--books'], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, text: `${stdout}${stderr}` }),
    );
  });
}

const owner = (text: string) => system.services.db.owner.query(text);

describe('npm run doctor', () => {
  test('44, 45 on a sound database enters every tenant from another one, finds nothing, and says how much room there is', async () => {
    const { code, text } = await run('doctor');
    expect(text).toContain('2 tenants were entered from another one and without one: no row seen');
    expect(text).toContain('a connection that failed carries nothing of its tenant');
    expect(text).toMatch(/2 tenants: comfortable to 1000/);
    expect(text).toMatch(/reading one table of 2 tenants made it \d/);
    expect(text).not.toContain('BAD');
    expect(code).toBe(0);
  });

  test.each([
    [
      'row-level security that was switched off',
      'alter table tenant_ours.users disable row level security',
      'alter table tenant_ours.users enable row level security',
      ['tenant_ours.users', 'theirs sees 1 users of ours', 'a row of theirs in ours was taken'],
    ],
    [
      'a policy that was added beside the stamp',
      'create policy wide on tenant_theirs.users to coinlane_app using (true)',
      'drop policy wide on tenant_theirs.users',
      ['tenant_theirs.users', 'no tenant sees 1 users of theirs'],
    ],
    [
      'a stamp of another tenant',
      `alter policy tenant_stamp on tenant_ours.wallets using ((select current_setting('coinlane.tenant', true) = 'theirs'))`,
      `alter policy tenant_stamp on tenant_ours.wallets using ((select current_setting('coinlane.tenant', true) = 'ours'))`,
      ['tenant_ours.wallets'],
    ],
    [
      'a right to change entries',
      'grant update on tenant_ours.entries to coinlane_app',
      'revoke update on tenant_ours.entries from coinlane_app',
      ['tenant_ours.entries: UPDATE'],
    ],
    [
      'a tenant that was left behind',
      `update coinlane.tenants set schema_version = 3 where slug = 'ours'`,
      `update coinlane.tenants set schema_version = (select max(schema_version) from coinlane.tenants) where slug = 'ours'`,
      ['ours (version 3)'],
    ],
  ])('names %s', async (_what, harm, mend, named) => {
    await owner(harm);
    try {
      const { code, text } = await run('doctor');
      for (const words of named) expect(text).toContain(words);
      expect(code).toBe(1);
    } finally {
      await owner(mend);
    }
  });

  test('says what to do without a database', async () => {
    const { code, text } = await run('doctor', { DATABASE_URL: '', DATA_DIR: 'nowhere' });
    expect(text).toContain('"npm start" must be running');
    expect(code).toBe(1);
  });
});

test('npm run reseal moves everything to the new key, so that the old one can go', async () => {
  const nextKey = 'the-next-secret-key-of-the-tests-0123456789';
  const both = { SECRET_KEY: nextKey, SECRET_KEY_PREVIOUS: testSecretKey };
  // What a restart with the new key does: its logins come to be.
  const db = await prepareDatabase(
    system.database.url,
    createKeyring([nextKey, testSecretKey]),
    createLog('silent', 'test'),
    2,
  );
  await db.close();

  const before = await run('doctor', both);
  expect(before.text).toMatch(/4 sealed values need SECRET_KEY_PREVIOUS/);
  expect(await run('reseal', both)).toEqual({
    code: 0,
    text: expect.stringContaining('4 values were sealed anew'),
  });
  expect(await run('reseal', both)).toEqual({
    code: 0,
    text: expect.stringContaining('0 values were sealed anew'),
  });
  const after = await run('doctor', { SECRET_KEY: nextKey });
  expect(after.text).toContain('all 4 sealed values open with SECRET_KEY');
  expect(after.code).toBe(0);
  const lost = await run('doctor');
  expect(lost.text).toContain('4 sealed values open with no key of this process');
  expect(lost.code).toBe(1);
});
