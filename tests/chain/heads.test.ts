// Heads that were exported show what nothing inside the database can: that history was written anew, or cut off.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findHead } from '#shared/db/chain.ts';
import { withTenant } from '#shared/db/pool.ts';
import { genesisHash } from '#shared/runtime/hash-chain.ts';
import { backends } from '#tests/support/backends.ts';
import { call, registerUser } from '#tests/support/client.ts';
import { testSecretKey } from '#tests/support/database.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { findDifferences } from '../../scripts/doctor/books.ts';
import { findLostHead, headLine, parseHeads } from '../../scripts/doctor/chain.ts';
import { asIntruder, type Books, forgeChain, openBooks } from './ground.ts';

let system: System;
const folder = mkdtempSync(join(tmpdir(), 'coinlane-heads-'));
beforeAll(async () => {
  system = await startSystem('heads', { backend: backends[0]! });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await system?.close();
});

const differences = (books: Books) => findDifferences(system.services.db, books.tenant.slug);
const intrude = (books: Books, ...statements: string[]) =>
  asIntruder(system, books.tenant.slug, ...statements);

// First, while the books of all tenants are sound.
describe('npm run doctor', () => {
  function doctor(...args: string[]): Promise<{ code: number; stdout: string }> {
    const path = fileURLToPath(new URL('../../scripts/doctor.ts', import.meta.url));
    const settings = {
      DATABASE_URL: system.database.url,
      SECRET_KEY: testSecretKey,
      OPERATOR_TOKEN: operatorToken,
    };
    return new Promise((resolve) => {
      execFile(process.execPath, [path, ...args], { env: { ...process.env, ...settings } }, (error, stdout) =>
        resolve({ code: error ? Number(error.code) : 0, stdout }),
      );
    });
  }

  test('prints heads as lines to be kept, finds them again, and names the one that is not there any more', async () => {
    const books = await openBooks(system);
    const { slug } = books.tenant;
    const printed = await doctor('--heads');
    expect(printed.code).toBe(0);
    const lines = printed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.find((line) => line.tenant === slug)).toEqual({
      tenant: slug,
      n: 5,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      entries: 5,
      sealedAt: expect.stringMatching(/Z$/),
    });
    const file = join(folder, 'heads.jsonl');
    writeFileSync(file, printed.stdout);
    const sound = await doctor('--books', '--heads-file', file);
    expect(sound.stdout).toMatch(/the exported heads of \d+ tenants are all in their chains/);
    expect(sound.code).toBe(0);

    await intrude(books, `update operations set reason = 'because' where id = '${books.spends[0]!.id}'`);
    await forgeChain(system, slug);
    const forged = await doctor('--books', '--heads-file', file);
    expect(forged.stdout).toContain('ok    every balance, version, lot and hash of every tenant follows');
    expect(forged.stdout).toMatch(
      new RegExp(`BAD   the history of ${slug} is not what it was\\n +block 5: hash expected`),
    );
    expect(forged.code).toBe(1);
  });

  test('says which guards of the books are switched off, and which tenant it could not read', async () => {
    const { slug } = (await openBooks(system)).tenant;
    const owner = (text: string) => system.services.db.owner.query(text);
    await owner(`alter table "tenant_${slug}".entries disable trigger entries_sealed`);
    await owner(`alter table "tenant_${slug}".chain rename to chains`);
    const { code, stdout } = await doctor('--books');
    await owner(`alter table "tenant_${slug}".chains rename to chain`);
    await owner(`alter table "tenant_${slug}".entries enable trigger entries_sealed`);
    expect(stdout).toContain(`tenant_${slug}.entries: entries_sealed`);
    expect(stdout).toContain(`the books of ${slug} could not be read`);
    expect(code).toBe(1);
  });
});

describe('a head that was exported before', () => {
  const exportHeads = async ({ tenant: { slug } }: Books) =>
    parseHeads(headLine(slug, await withTenant(system.services.db.app, slug, (tx) => findHead(tx, slug))));
  const lost = ({ tenant: { slug } }: Books, heads: Awaited<ReturnType<typeof exportHeads>>) =>
    withTenant(system.services.db.app, slug, (tx) => findLostHead(tx, slug, heads));

  test('is still there when nothing was changed', async () => {
    const books = await openBooks(system);
    expect(await lost(books, await exportHeads(books))).toBeUndefined();
  });

  test('shows that history was written anew with all its hashes, which nothing inside can show', async () => {
    const books = await openBooks(system);
    const heads = await exportHeads(books);
    const { id } = books.spends[1]!;
    await intrude(
      books,
      `update operations set reason = 'because' where id = '${id}'`,
      `update entries set created_at = created_at - interval '1 day' where operation_id = '${id}'`,
    );
    await forgeChain(system, books.tenant.slug);
    expect(await differences(books)).toEqual([]);
    expect(await lost(books, heads)).toMatch(
      /^block 5: hash expected [0-9a-f]{64}, found [0-9a-f]{64}: something from block 1 to 5 was written anew$/,
    );
  });

  test('shows that the chain was cut off', async () => {
    const books = await openBooks(system);
    const heads = await exportHeads(books);
    await intrude(books, 'delete from chain where n > 3');
    expect(await lost(books, heads)).toMatch(
      /^block 5: expected [0-9a-f]{64}, found none: the chain ends with block 3$/,
    );
  });

  test("is not found in another tenant's chain, whoever says so", async () => {
    const [books, others] = [await openBooks(system), await openBooks(system)];
    expect(await lost(others, await exportHeads(books))).toMatch(/^block 5: hash expected/);
    const { slug } = books.tenant;
    expect(await lost(others, [{ tenant: slug, n: 0, hash: genesisHash(slug).toString('hex') }])).toMatch(
      /^block 0: hash expected/,
    );
  });

  test('is told from a line that is no head', () => {
    const line = `{"tenant":"a","n":1,"hash":"${'0'.repeat(64)}"}`;
    expect(parseHeads(`${line}\n\n`)).toHaveLength(1);
    for (const bad of ['{', 'null', '{"tenant":"a","n":"1","hash":"00"}', '[]']) {
      expect(() => parseHeads(`${line}\n${bad}`)).toThrow('line 2 is no exported head');
    }
  });
});

describe('the API', () => {
  const read = (path: string, token: string) => call('GET', `${system.url}${path}`, { token });

  test('shows operators and the platform the head and all blocks, page by page', async () => {
    const { tenant } = await openBooks(system);
    const path = `/operator/tenants/${tenant.slug}/chain`;
    const whole = await read(path, operatorToken);
    expect(whole.status).toBe(200);
    expect(whole.body).toMatchObject({
      head: { tenant: tenant.slug, n: 5, entries: 5, hash: whole.body.data.at(-1).hash },
      unsealed: 0,
      hasMore: false,
      nextAfter: null,
    });
    expect(whole.body.data[0].previous).toBe(genesisHash(tenant.slug).toString('hex'));
    const seen: unknown[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page = await read(`/chain?limit=2&after=${after}`, tenant.secretKey);
      expect(page.body.head).toEqual(whole.body.head);
      seen.push(...page.body.data);
      after = page.body.nextAfter;
    }
    expect(seen).toEqual(whole.body.data);
  });

  test('shows it to nobody else, and refuses pages that cannot be', async () => {
    const { tenant } = await openBooks(system);
    const user = await registerUser(system.url, tenant);
    const made = await call('POST', `${system.url}/operator/tenants/${tenant.slug}/keys`, {
      token: operatorToken,
      body: { name: 'spends only', scopes: ['spend'] },
    });
    const refused = [
      [await read('/chain', user.token), 403, 'forbidden'],
      [await read('/chain', made.body.secretKey), 403, 'insufficient_scope'],
      [await read('/chain', 'sk_none'), 401, 'unauthenticated'],
      [await read(`/operator/tenants/${tenant.slug}/chain`, tenant.secretKey), 401, 'unauthenticated'],
      [await read('/operator/tenants/nobody/chain', operatorToken), 404, 'tenant_not_found'],
      [await read('/chain?after=-1', tenant.secretKey), 422, 'invalid_input'],
      [await read('/chain?after=1e99', tenant.secretKey), 422, 'invalid_input'],
      [await read('/chain?limit=101', tenant.secretKey), 422, 'invalid_input'],
    ] as const;
    for (const [answer, status, code] of refused)
      expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
  });
});
