// Opening balances from another system: all faults first, then each coin once, however often and by whom the file is sent.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import bcrypt from 'bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withTenant } from '#shared/db/pool.ts';
import type { OperationWakeUp } from '#shared/queue/producer.ts';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, integrity, registerUser, type TestTenant } from '#tests/support/client.ts';
import { testSecretKey } from '#tests/support/database.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { importBalances } from '../../scripts/balances/import-balances.ts';
import { userIdOf } from '../../scripts/balances/lines.ts';
import { readRecords } from '../../scripts/balances/records.ts';

const folder = mkdtempSync(join(tmpdir(), 'coinlane-balances-'));
let system: System;
let tenant: TestTenant;
beforeAll(async () => {
  // What nobody wakes the workers for stays where it is.
  const settings = { SWEEP_AGE_MS: '600000' };
  system = await startSystem('balances', { backend: backends[0]!, settings });
  const coins = [{ code: 'GEM', name: 'Gem', symbol: 'g' }];
  tenant = await createTenant(system.url, uniqueSlug('moved'), { coins });
});
afterAll(async () => {
  await system?.close();
  rmSync(folder, { recursive: true, force: true });
});

function fileOf(text: string): string {
  const path = join(folder, randomUUID());
  writeFileSync(path, text);
  return path;
}
const take = (path: string) => {
  const { db, keyring, producer } = system.services;
  return importBalances(db, keyring, path, { tenant: tenant.slug, patienceMs: 20_000 }, producer);
};
const rows = async (text: string) =>
  (await withTenant(system.services.db.app, tenant.slug, (tx) => tx.query(text))).rows;
const sum = (amounts: Partial<Record<'file' | 'granted' | 'before' | 'refused' | 'waiting', number>>) => ({
  'in the file': BigInt(amounts.file ?? 0),
  granted: BigInt(amounts.granted ?? 0),
  'there before': BigInt(amounts.before ?? 0),
  refused: BigInt(amounts.refused ?? 0),
  waiting: BigInt(amounts.waiting ?? 0),
});

const hash = bcrypt.hashSync('an old password', 4);
const people = fileOf(
  [
    'email,externalId,name,passwordHash,coin,amount,bonus,expiresAt,priority,emailVerified',
    `Ada@Example.com,u-1,"Lovelace, Ada",${hash.replace('$2b', '$2y')},,100,,,,yes`,
    'ada@example.com,,,,,40,yes,2099-01-01T00:00:00+02:00,10,',
    'ada@example.com,,,,GEM,7,,,,',
    ',u-2,,,GEM,9007199254740991,,,,',
    'zoe@example.com,,Zoe,,,0,,,,',
    '',
  ].join('\r\n'),
);

describe('a file of balances', () => {
  test('is journaled without workers, says so, and is settled when they run', async () => {
    const { db, keyring, producer } = system.services;
    const woken: OperationWakeUp[] = [];
    const asleep = {
      wakeOperations: async (_slug: string, some: OperationWakeUp[]) => void woken.push(...some),
    };
    const before = await importBalances(db, keyring, people, { tenant: tenant.slug, patienceMs: 0 }, asleep);
    expect(before).toMatchObject({ created: 3, known: 0, waiting: 4, refused: [] });
    expect(before.sums.get('COIN')).toEqual(sum({ file: 140, waiting: 140 }));
    await producer.wakeOperations(tenant.slug, woken);
    const after = await take(people);
    expect(after).toMatchObject({ created: 0, known: 3, waiting: 0, refused: [] });
    expect(after.sums.get('COIN')).toEqual(sum({ file: 140, before: 140 }));
    expect(after.sums.get('GEM')).toEqual(sum({ file: 9007199254740998, before: 9007199254740998 }));
    expect(
      await rows(`select u.email, u.name, w.currency, w.balance, w.bonus from wallets w join users u on u.id = w.user_id
      order by u.email nulls last, w.currency`),
    ).toEqual([
      { email: 'ada@example.com', name: 'Lovelace, Ada', currency: 'COIN', balance: 140, bonus: 40 },
      { email: 'ada@example.com', name: 'Lovelace, Ada', currency: 'GEM', balance: 7, bonus: 0 },
      { email: 'zoe@example.com', name: 'Zoe', currency: 'COIN', balance: 0, bonus: 0 },
      { email: null, name: null, currency: 'COIN', balance: 0, bonus: 0 },
      { email: null, name: null, currency: 'GEM', balance: 9007199254740991, bonus: 0 },
    ]);
    expect((await integrity(system.url, tenant.slug)).body).toMatchObject({ ok: true });
  });

  test('gives a user with an external id an id that anybody can compute, and keeps a UUID', async () => {
    const id = userIdOf(tenant.slug, 'u-2');
    const path = `${system.url}/wallet/balance?coin=GEM&userId=${id}`;
    expect((await call('GET', path, { token: tenant.secretKey })).body.balance).toBe(9007199254740991);
    const uuid = randomUUID();
    expect(userIdOf(tenant.slug, uuid.toUpperCase())).toBe(uuid);
  });

  test('lets a user in by the old password, whose hash is then made anew', async () => {
    const login = (password: string, email = 'ada@example.com') =>
      call('POST', `${system.url}/login`, { tenant: tenant.slug, body: { email, password } });
    const scheme = async () =>
      (await rows(`select password_scheme from users where email = 'ada@example.com'`))[0]?.password_scheme;
    expect(await scheme()).toMatch(/^sealed-bcrypt:[0-9a-f]{8}:4$/);
    expect((await login('another password')).status).toBe(401);
    const answer = await login('an old password');
    expect(answer.body.user).toMatchObject({ emailVerified: true });
    expect(await scheme()).toMatch(/^bcrypt-hmac-sha256:/);
    expect((await login('an old password')).status).toBe(200);
    expect((await login('', 'zoe@example.com')).status).not.toBe(200);
    expect((await login('anything at all', 'zoe@example.com')).status).toBe(401);
  });

  test('may be JSON, with references that are granted once in whatever file', async () => {
    const known = await registerUser(system.url, tenant, 'known');
    const line = { email: known.email, amount: 5, coin: 'GEM', bonus: true, priority: 3, reference: 'old/1' };
    const lines = [line, { email: known.email, amount: 6, reference: 'old/2' }];
    const first = await take(fileOf(lines.map((each) => JSON.stringify(each)).join('\n')));
    expect(first).toMatchObject({ created: 0, known: 1, refused: [] });
    expect(first.sums.get('GEM')).toEqual(sum({ file: 5, granted: 5 }));
    const [lot] = await rows(`select priority, bucket from lots where coins = 5`);
    expect(lot).toEqual({ priority: 3, bucket: 'bonus' });
    const again = await take(fileOf(`${JSON.stringify(line)}\n{"email":"new@example.com","amount":1}\n`));
    expect(again.sums.get('GEM')).toEqual(sum({ file: 5, before: 5 }));
    expect(again.sums.get('COIN')).toEqual(sum({ file: 1, granted: 1 }));
  });

  test('what a wallet cannot hold is refused, and said by its line', async () => {
    const full = await take(fileOf('externalId,coin,amount,reference\nu-2,GEM,1,one-more\n'));
    expect(full.refused).toEqual([{ line: 2, text: 'balance_limit' }]);
    expect(full.sums.get('GEM')).toEqual(sum({ file: 1, refused: 1 }));
  });
});

test('all faults are named with their lines before anything is written', async () => {
  const [before] = await rows(
    'select (select count(*) from users) as users, (select count(*) from operations) as n',
  );
  const faulty = [
    'email,externalId,coin,amount,bonus,expiresAt,reference,passwordHash',
    'no address,,,1,,,,',
    ',,,1,,,,',
    'a@example.com,,EURO,1,,,,',
    'b@example.com,,,1.5,,,,',
    'c@example.com,,,9007199254740992,,,,',
    'd@example.com,,,-1,,,,',
    'e@example.com,,,1,perhaps,,,',
    'f@example.com,,,1,,2001-01-01T00:00:00Z,,',
    'g@example.com,,,1,,tomorrow,,',
    'h@example.com,,,1,,,same,',
    'i@example.com,,,1,,,same,',
    'j@example.com,,,1,,,,md5',
    'k@example.com,x-1,,1,,,,',
    'k@example.com,x-2,,1,,,,',
    'ada@example.com,,,101,,,,',
    'l@example.com,,1',
  ];
  const refusal = await take(fileOf(faulty.join('\n'))).catch((error: Error) => error.message);
  const named = [...String(refusal).matchAll(/^ {2}line (\d+): (\w+)/gm)].map(
    ([, line, what]) => `${line} ${what}`,
  );
  expect(named).toEqual([
    ...[
      '2 email',
      '3 needs',
      '4 coin',
      '5 amount',
      '6 amount',
      '7 amount',
      '8 bonus',
      '9 expiresAt',
      '10 expiresAt',
    ],
    ...['12 reference', '13 passwordHash', '15 externalId', '16 the', '17 has'],
  ]);
  await expect(take(fileOf('email,coins\na@example.com,5\n'))).rejects.toThrow(/line 2: .*coins/);
  const [after] = await rows(
    'select (select count(*) from users) as users, (select count(*) from operations) as n',
  );
  expect(after).toEqual(before);
});

test.each<[string, string, object[] | number]>([
  [
    'quotes, commas and line breaks',
    'a,b\n"x, ""y""","1\n2"\n3,4',
    [
      { line: 2, fields: { a: 'x, "y"', b: '1\n2' } },
      { line: 4, fields: { a: '3', b: '4' } },
    ],
  ],
  ['a mark at the beginning and an empty field', '\ufeffa,b\r\n1,\r\n', [{ line: 2, fields: { a: '1' } }]],
  ['a quote that never ends', 'a\n"1\n', 2],
])('CSV with %s', async (_what, text, expected) => {
  const { records, faults } = await readRecords(fileOf(text));
  if (typeof expected === 'number') expect(faults).toMatchObject([{ line: expected }]);
  else expect(records).toEqual(expected);
});

test('two processes at once create and grant everything once', async () => {
  const lines = Array.from({ length: 400 }, (_, n) => `crowd-${n}@example.com,${n + 1}`);
  const path = fileOf(['email,amount', ...lines].join('\n'));
  const script = fileURLToPath(new URL('../../scripts/import.ts', import.meta.url));
  const env = { ...process.env, DATABASE_URL: system.database.url, SECRET_KEY: testSecretKey };
  const run = () =>
    new Promise<string>((resolve) => {
      const given = [script, '--balances', path, '--tenant', tenant.slug];
      execFile(process.execPath, given, { env }, (error, stdout, stderr) =>
        resolve(`${error?.code ?? 0} ${stdout}${stderr}`),
      );
    });
  const said = await Promise.all([run(), run()]);
  for (const text of said) expect(text).toMatch(/^0 \d+ users were created/);
  const created = said.map((text) => Number(/(\d+) users were created/.exec(text)?.[1]));
  const granted = said.map((text) => Number(/^COIN +80200 +(\d+)/m.exec(text)?.[1]));
  expect([created[0]! + created[1]!, granted[0]! + granted[1]!]).toEqual([400, 80200]);
  const [all] =
    await rows(`select count(*) as n, sum(balance)::bigint as coins from wallets w join users u on u.id = w.user_id
    where u.email like 'crowd-%'`);
  expect(all).toEqual({ n: 400, coins: 80200 });
});
