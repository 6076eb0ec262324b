// Bad input to every route of the wallet: each kind gets the contract's problem, and none of it is journaled.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { type Answer, call } from '#tests/support/client.ts';
import { storedOperations } from '#tests/support/ledger-view.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, openCounter, pointersOf } from './counter.ts';

let system: System;
let counter: Counter;
let operationId: string;
beforeAll(async () => {
  system = await startSystem('wallet_bad_input', { backend: backends[0]!, workers: false });
  counter = await openCounter(system);
  operationId = (await counter.post('/wallet/spend', { amount: 1 })).body.id;
});
afterAll(() => system?.close());

/** A valid body of each route, to be spoilt; sent by the platform, which may call all of them. */
const good: Record<string, () => Record<string, unknown>> = {
  '/wallet/spend': () => ({ amount: 5, userId: counter.user.id }),
  '/wallet/refund': () => ({ operationId, amount: 1, userId: counter.user.id }),
  '/wallet/grant': () => ({ amount: 5, userId: counter.user.id }),
  '/wallet/buy': () => ({ coins: 5, provider: 'sandbox', userId: counter.user.id }),
};
const paths = Object.keys(good);
const goodOf = (path: string) => (good[path] as () => Record<string, unknown>)();
const post = (path: string, body: unknown, headers?: Record<string, string>): Promise<Answer> =>
  counter.post(path, body, { token: counter.tenant.secretKey, ...(headers ? { headers } : {}) });

/** A POST whose length nobody announces. */
async function postChunked(path: string, text: string): Promise<Answer> {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 8192) controller.enqueue(bytes.subarray(at, at + 8192));
      controller.close();
    },
  });
  const response = await fetch(`${counter.url}${path}`, {
    method: 'POST',
    body,
    duplex: 'half',
    headers: {
      authorization: `Bearer ${counter.tenant.secretKey}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
  } as RequestInit);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const filler = (bytes: number) => JSON.stringify({ filler: 'x'.repeat(bytes) });

describe.each(paths)('POST %s', (path) => {
  test.each([
    ['a broken body', '{"amount":', 400, 'malformed_request'],
    ['no body', '', 400, 'malformed_request'],
    ['an array', '[]', 422, 'invalid_input'],
    ['null', 'null', 422, 'invalid_input'],
    ['a number', '5', 422, 'invalid_input'],
    ['an empty object', '{}', 422, 'invalid_input'],
    ['deep nesting', nested(30_000), 422, 'invalid_input'],
    ['__proto__', '{"__proto__":{"amount":5}}', 422, 'invalid_input'],
    ['64 KiB and a byte', filler(64 * 1024 - 12), 413, 'payload_too_large'],
    ['a megabyte', filler(1024 * 1024), 413, 'payload_too_large'],
  ])('refuses %s', async (_name, text, status, code) => {
    expectProblem(await post(path, text), status, code);
  });

  test('refuses a body that turns out too large on the way', async () => {
    expectProblem(await postChunked(path, filler(1024 * 1024)), 413, 'payload_too_large');
    // The same connection carries on.
    expectProblem(await postChunked(path, filler(60 * 1024)), 422, 'invalid_input');
    expectProblem(await postChunked(path, filler(64 * 1024)), 413, 'payload_too_large');
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
    'refuses a body of the type "%s"',
    async (type) => {
      const answer = await post(path, JSON.stringify(goodOf(path)), { 'content-type': type });
      expectProblem(answer, 415, 'unsupported_media_type');
    },
  );

  test('names each field that is unknown, and the missing ones with them', async () => {
    const { amount, operationId: _id, provider, ...rest } = goodOf(path);
    const answer = await post(path, { ...rest, role: 'admin', 'a/b~c': 1 });
    expectProblem(answer, 422, 'invalid_input');
    const missing = { '/wallet/refund': '/operationId', '/wallet/buy': '/provider' }[path] ?? '/amount';
    expect(pointersOf(answer).sort()).toEqual(['/a~1b~0c', '/role', missing].sort());
  });

  test.each([
    ['none', undefined],
    ['an empty one', ''],
    ['one of 256 characters', 'k'.repeat(256)],
    ['one with a space', 'two words'],
    ['one with a tab', 'two\twords'],
    ['one beyond ASCII', 'clé'],
  ])('refuses an Idempotency-Key that is %s', async (_name, key) => {
    const answer = await call('POST', `${counter.url}${path}`, {
      token: counter.tenant.secretKey,
      headers: key === undefined ? {} : { 'idempotency-key': key },
      body: goodOf(path),
    });
    expectProblem(answer, 400, 'idempotency_key_required');
  });

  test.each([
    ['/userId', [7, null, '', 'me', `${randomUUID()}0`, {}]],
    ['/amount', [0, -1, 1.5, '5', 2 ** 53, null, true, [5], {}]],
    ['/operationId', ['', 'abc', 5, null]],
    ['/provider', ['', 'bitcoin', 5, null, 'Sandbox']],
    ['/coins', [0, -1, 1.5, '5', 2 ** 53, null]],
    ['/pack', ['', 5, 'x'.repeat(64)]],
    ['/returnUrl', ['', 'javascript:alert(1)', '/shop', 'https://u:p@x.test/', 'https://x.test/\n', 5]],
    ['/reference', ['', 5, 'x'.repeat(256), 'nul\0', '\ud800', null]],
    ['/reason', ['', 5, 'x'.repeat(256), 'nul\0', 'a\udfff']],
    ['/bucket', ['', 'held', 5]],
    ['/metadata', ['x', 5, [1], null]],
  ])('refuses wrong values of %s where it has the field', async (pointer, values) => {
    const field = pointer.slice(1);
    const { errors } = (await post(path, { ...goodOf(path), [field]: [] })).body;
    const isKnown = errors.some((fault: { code: string }) => fault.code !== 'unknown_field');
    for (const value of values) {
      const answer = await post(path, { ...goodOf(path), [field]: value });
      expectProblem(answer, 422, 'invalid_input');
      expect([value, ...new Set(pointersOf(answer))]).toEqual([value, pointer]);
      if (!isKnown) expect(answer.body.errors[0].code).toBe('unknown_field');
    }
  });
});

test('every field above belongs to the routes that the contract gives it to', async () => {
  const fields = ['amount', 'operationId', 'provider', 'coins', 'pack', 'returnUrl', 'reference', 'reason'];
  const ofItems = ['item', 'quantity', 'expectedPrice'];
  const known = async (path: string) => {
    const more = ['bucket', 'metadata', 'userId', ...ofItems];
    const wrong = Object.fromEntries([...fields, ...more].map((name) => [name, {}]));
    const { errors } = (await post(path, wrong)).body;
    const faults = errors.filter((fault: { code: string }) => fault.code !== 'unknown_field');
    return new Set(faults.map((fault: { pointer: string }) => fault.pointer.slice(1)));
  };
  expect(await known('/wallet/spend')).toEqual(new Set(['amount', 'reference', 'userId', ...ofItems]));
  expect(await known('/wallet/refund')).toEqual(new Set(['operationId', 'amount', 'reason', 'userId']));
  expect(await known('/wallet/grant')).toEqual(new Set(['amount', 'bucket', 'reference', 'userId']));
  expect(await known('/wallet/buy')).toEqual(new Set(['pack', 'coins', 'provider', 'returnUrl', 'userId']));
});

describe('metadata', () => {
  const spend = (metadata: string) =>
    post('/wallet/spend', `{"amount":1,"userId":"${counter.user.id}","metadata":${metadata}}`);
  const sized = (bytes: number, char: string) =>
    JSON.stringify({ a: char.repeat((bytes - 8) / Buffer.byteLength(char)) });

  test.each([
    ['of more than 4 KiB', sized(4097, 'x')],
    ['of more than 4 KiB in few characters', sized(4098, 'é')],
    ['with NUL', '{"a":["\\u0000"]}'],
    ['with NUL in a name', '{"a\\u0000":1}'],
    ['with half a character', '{"a":{"b":"\\ud83d"}}'],
    ['with half a character in a name', '{"\\udc00":1}'],
    ['with a number that is none', '{"a":1e400}'],
    ['with an empty name', '{"":1}'],
    ['with a name of 65 characters', `{"${'n'.repeat(65)}":1}`],
    ['nested so deep that reading it would break', `{"a":${nested(2000)}}`],
    ['nested deeper still', `{"a":${nested(30_000)}}`],
  ])('%s is refused', async (_name, metadata) => {
    const answer = await spend(metadata);
    expectProblem(answer, 422, 'invalid_input');
    expect(pointersOf(answer)).toEqual(['/metadata']);
  });

  test.each([
    ['of 4 KiB', sized(4096, 'x')],
    ['with backslashes that only look like half a character', '{"a":"C:\\\\udf8","b":"\\\\u0000"}'],
    ['with the names of JavaScript', '{"__proto__":{"constructor":1},"toString":null}'],
    ['of every kind', '{"a":[1.5,-2,1e300,true,null,"🦊"],"b":{"c":{"d":[]}}}'],
    ['with nothing in it', '{}'],
  ])('%s is kept as it is', async (_name, metadata) => {
    const answer = await spend(metadata);
    expect(answer.status).toBe(202);
    const read = await call('GET', `${counter.url}${answer.headers.get('location')}`, {
      token: counter.user.token,
    });
    const sorted = (value: unknown) => JSON.stringify(Object.entries(value as object).sort());
    expect(sorted(read.body.metadata)).toBe(sorted(JSON.parse(metadata)));
  });
});

test('buying names one of pack and coins, a pack that exists, and what one purchase may cost', async () => {
  const buy = (body: object) =>
    post('/wallet/buy', { provider: 'sandbox', userId: counter.user.id, ...body });
  for (const body of [{}, { pack: 'starter', coins: 5 }]) {
    const answer = await buy(body);
    expectProblem(answer, 422, 'invalid_input');
    expect(pointersOf(answer)).toEqual(['/pack']);
  }
  expectProblem(await buy({ pack: 'starter' }), 422, 'unknown_pack');
  const costly = await buy({ coins: 2 ** 53 - 1 });
  expectProblem(costly, 422, 'invalid_input');
  expect(pointersOf(costly)).toEqual(['/coins']);
  expectProblem(await buy({ coins: 5, provider: 'stripe' }), 409, 'provider_not_configured');
});

describe('GET', () => {
  test.each([
    ['limit', ['0', '101', '-1', 'ten', '1.5', '']],
    ['cursor', ['abc', '', 'MS4yMw', 'x'.repeat(201), 'LTEuMTI']],
    ['kind', ['gift', 'SPEND', '']],
    ['from', ['yesterday', '2026-01-01', '2026-02-30T00:00:00Z', '1767225600', '']],
    ['to', ['tomorrow', '2026-13-01T00:00:00Z', '2026-01-01T00:00:00']],
    ['userId', ['me', '', '5']],
  ])('/wallet/transactions refuses wrong values of %s', async (name, values) => {
    for (const value of values) {
      const query = new URLSearchParams({ userId: counter.user.id, [name]: value });
      const answer = await counter.get(`/wallet/transactions?${query}`, counter.tenant.secretKey);
      expectProblem(answer, 422, 'invalid_input');
      expect([value, ...new Set(pointersOf(answer))]).toEqual([value, name]);
    }
  });

  test.each(['me', '5', '%00', '%F0%9F', 'x'.repeat(300), '..%2f..', "'--", randomUUID()])(
    '/operations/%s is not found',
    async (id) => expectProblem(await counter.get(`/operations/${id}`), 404, 'operation_not_found'),
  );

  test.each(['/wallet', '/wallet/', '/wallet/spending', '/operation', '/Wallet/balance', '/nothing'])(
    '%s is not found',
    async (path) => expectProblem(await counter.get(path), 404, 'not_found'),
  );
});

test('what was refused left nothing in the journal', async () => {
  const stored = await storedOperations(system.database.url, counter.tenant.slug);
  // The one of the beginning, and five with good metadata.
  expect(stored.size).toBe(6);
});
