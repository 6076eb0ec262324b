// A proof convinces whoever has nothing but the proof, the blocks behind it and a head that was kept.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blockHash, leafHash } from '#shared/runtime/hash-chain.ts';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, grant, registerUser } from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { asIntruder, type Books, openBooks, sealAll, whileNobodySeals } from './ground.ts';
import { rootOf } from './inclusion.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('proof', { backend: backends[0]! });
});
afterAll(() => system?.close());

const read = (path: string, token: string) => call('GET', `${system.url}${path}`, { token });
const proofOf = async ({ tenant }: Books, id: string) =>
  (await read(`/operations/${id}/proof`, tenant.secretKey)).body;

type Shown = {
  n: number;
  hash: string;
  previous: string;
  root: string;
  entries: number;
  total: number;
  sealedAt: string;
};
const hashOf = ({ n, previous, root, entries, total, sealedAt }: Shown) => {
  const hashes = { previous: Buffer.from(previous, 'hex'), root: Buffer.from(root, 'hex') };
  return blockHash({ n, entries, total, sealedAt: new Date(sealedAt), ...hashes }).toString('hex');
};

test('an operation is proven from its text to the head of the chain', async () => {
  const books = await openBooks(system);
  const { id, walletId, version } = books.spends[0]!;
  const proof = await proofOf(books, id);
  expect(proof).toMatchObject({ operationId: id, sealed: true, entries: [{ walletId, version }] });
  const [{ text, index, path, block }] = proof.entries;
  expect(text).toContain(`36:${id},36:${walletId},1:3,5:sales,3:-10,`);
  const siblings = path.map((each: string) => Buffer.from(each, 'hex'));
  expect(rootOf(leafHash(text), index, block.entries, siblings)?.toString('hex')).toBe(block.root);
  const { data } = (await read(`/chain?after=${block.n - 1}`, books.tenant.secretKey)).body;
  expect(data[0]).toEqual(block);
  let last = block.previous;
  for (const each of data) {
    expect(each.previous).toBe(last);
    expect(hashOf(each)).toBe(each.hash);
    last = each.hash;
  }
  expect(proof.head).toEqual({ n: data.at(-1).n, hash: last });
});

test('each of many entries in one block has a path of its own', async () => {
  const tenant = await createTenant(system.url, uniqueSlug('proof'));
  const user = await registerUser(system.url, tenant);
  const answers = await Promise.all(Array.from({ length: 7 }, () => grant(system.url, tenant, user.id, 5)));
  await sealAll(system, tenant.slug);
  for (const { body } of answers) {
    const proof = (await read(`/operations/${body.id}/proof`, tenant.secretKey)).body;
    const [{ text, index, path, block, version }] = proof.entries;
    expect(version).toBe(body.walletVersion);
    const siblings = path.map((each: string) => Buffer.from(each, 'hex'));
    expect(rootOf(leafHash(text), index, block.entries, siblings)?.toString('hex')).toBe(block.root);
  }
});

test('what was settled at a time that has not come yet is found all the same', async () => {
  const books = await openBooks(system);
  const { id } = books.spends[1]!;
  await asIntruder(
    system,
    books.tenant.slug,
    `update operations set settled_at = now() + interval '1 year' where id = '${id}'`,
  );
  expect(await proofOf(books, id)).toMatchObject({ sealed: true, entries: [{ version: 4 }] });
});

test('what was refused or waits to be sealed is not proven, and nobody but the platform is shown any of it', async () => {
  const books = await openBooks(system);
  const { tenant, userId } = books;
  const refused = await call('POST', `${system.url}/wallet/spend`, {
    token: tenant.secretKey,
    key: randomUUID(),
    wait: 10,
    body: { userId, amount: 1_000_000 },
  });
  expect(refused.body.code).toBe('insufficient_funds');
  const rejected = await asIntruder<{ id: string }>(
    system,
    tenant.slug,
    "select id from operations where status = 'rejected'",
  );
  expect(await proofOf(books, rejected[0]!.id)).toMatchObject({ sealed: false, entries: [] });

  const { id, walletId } = books.spends[2]!;
  const waiting = await whileNobodySeals(system, tenant.slug, async () => {
    await asIntruder(
      system,
      tenant.slug,
      'delete from chain where n = 5',
      `insert into seal_queue (wallet_ids, first_versions, last_versions, entries) values ('{${walletId}}', '{5}', '{5}', 1)`,
    );
    return proofOf(books, id);
  });
  expect(waiting).toMatchObject({ sealed: false, entries: [] });

  const user = await registerUser(system.url, tenant);
  const others = await createTenant(system.url, uniqueSlug('others'));
  const refusals = [
    [await read(`/operations/${id}/proof`, user.token), 403, 'forbidden'],
    [await read(`/operations/${id}/proof`, others.secretKey), 404, 'operation_not_found'],
    [await read('/operations/nothing/proof', tenant.secretKey), 404, 'operation_not_found'],
    [await read(`/operations/${randomUUID()}/proof`, tenant.secretKey), 404, 'operation_not_found'],
    [await read(`/operations/${id}/proof`, 'sk_none'), 401, 'unauthenticated'],
  ] as const;
  for (const [answer, status, code] of refusals)
    expect({ status: answer.status, code: answer.body.code }).toEqual({ status, code });
});
