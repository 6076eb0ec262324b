// What is sent must be what it says: its encoding, its tenant, its names, and a key that is sent again.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import {
  call,
  createTenant,
  eventually,
  grant,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';

let system: System;
let tenant: TestTenant;
let user: TestUser;
beforeAll(async () => {
  system = await startSystem('sent', { backend: backends[0]! });
  const packs = [{ id: 'small', name: 'Small', coins: 10, price: 99, currency: 'eur' }];
  tenant = await createTenant(system.url, 'acme', { packs });
  await createTenant(system.url, 'bolt');
  user = await registerUser(system.url, tenant);
  await grant(system.url, tenant, user.id, 100);
});
afterAll(() => system?.close());

const ask = (method: string, path: string, options: Parameters<typeof call>[2] = {}) =>
  call(method, `${system.url}${path}`, options);
const spend = (body: unknown, headers: Record<string, string> = {}) =>
  ask('POST', '/wallet/spend', { token: user.token, key: randomUUID(), body, headers });

describe('a body', () => {
  test('that is not UTF-8 is malformed, and never journaled as other text', async () => {
    const key = randomUUID();
    const headers = { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' };
    const send = (body: Buffer) =>
      fetch(`${system.url}/wallet/spend`, {
        method: 'POST',
        headers: { ...headers, 'idempotency-key': key },
        body,
      });
    const start = Buffer.from('{"amount":1,"reference":"a');
    for (const bad of [[0xff], [0xc3], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80]]) {
      const answer = await send(Buffer.concat([start, Buffer.from(bad), Buffer.from('"}')]));
      expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
        400,
        'The body is not UTF-8.',
      ]);
    }
    const good = await send(Buffer.concat([start, Buffer.from('é😀\uFFFD"}')]));
    expect([good.status, ((await good.json()) as { reference: string }).reference]).toEqual([
      202,
      'aé😀\uFFFD',
    ]);
  });

  test('is JSON in UTF-8 by its type, or 415', async () => {
    const types = [
      'text/plain',
      'application/json;charset=latin1',
      'application/json; charset=utf-16',
      'application/jsonx',
    ];
    for (const type of types) {
      expect((await spend({ amount: 1 }, { 'content-type': type })).status, type).toBe(415);
    }
    for (const type of [
      'application/json; charset=utf-8',
      'Application/JSON;charset="UTF-8"',
      'application/json; profile=x',
    ]) {
      expect((await spend({ amount: 1 }, { 'content-type': type })).status, type).toBe(202);
    }
  });

  test('that is no JSON is told so', async () => {
    const { status, body } = await spend('{"amount":');
    expect([status, body.code, body.detail]).toEqual([
      400,
      'malformed_request',
      'The body is not JSON that can be read.',
    ]);
  });
});

test('X-Tenant contradicts no credential, also where none is needed', async () => {
  const email = `${randomUUID()}@example.com`;
  const register = (options: Parameters<typeof call>[2]) =>
    ask('POST', '/register', { body: { email, password: 'correct horse battery' }, ...options });
  const mismatch = { status: 403, body: { code: 'tenant_mismatch' } };
  expect(await register({ tenant: 'bolt', token: tenant.secretKey })).toMatchObject(mismatch);
  expect(await register({ tenant: 'bolt', token: user.token })).toMatchObject(mismatch);
  const body = { email: user.email, password: 'correct horse battery' };
  expect(await ask('POST', '/login', { tenant: 'bolt', token: user.token, body })).toMatchObject(mismatch);
  // One that is not valid is no credential, and its own tenant's is welcome.
  expect((await register({ tenant: 'bolt', token: 'sk_acme_nothing' })).status).toBe(201);
  expect((await ask('POST', '/login', { tenant: 'acme', token: user.token, body })).status).toBe(200);
  expect((await register({ tenant: 'acme', token: tenant.secretKey })).status).toBe(201);
});

test('what names nothing is invalid input with its place', async () => {
  const faultsOf = async (path: string, body: object) => {
    const answer = await ask('POST', path, { token: user.token, key: randomUUID(), body });
    return [
      answer.status,
      answer.body.code,
      answer.body.errors?.map((each: { pointer: string }) => each.pointer),
    ];
  };
  expect(await faultsOf('/wallet/buy', { pack: 'zz', provider: 'sandbox' })).toEqual([
    422,
    'unknown_pack',
    ['/pack'],
  ]);
  expect(await faultsOf('/wallet/spend', { item: 'zz' })).toEqual([422, 'unknown_item', ['/item']]);
  expect(await faultsOf('/wallet/spend', { amount: 1, coin: 'ZZ' })).toEqual([
    422,
    'unknown_coin',
    ['/coin'],
  ]);
  expect(await faultsOf('/wallet/spend', { amount: 2 ** 53 })).toEqual([422, 'invalid_input', ['/amount']]);
});

test('a purchase whose payment failed is answered as it stands when it is sent again', async () => {
  const key = randomUUID();
  const buy = () =>
    ask('POST', '/wallet/buy', {
      token: user.token,
      key,
      wait: 10,
      body: { pack: 'small', provider: 'sandbox' },
    });
  const first = await buy();
  expect(first.status).toBe(201);
  expect((await call('POST', `${first.body.checkoutUrl}/decline`)).status).toBe(200);
  await eventually('the failure', async () => {
    const { body } = await ask('GET', `/operations/${first.body.id}`, { token: user.token });
    return body.status === 'failed';
  });
  const again = await buy();
  expect(again.status).toBe(201);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.body).toMatchObject({ id: first.body.id, status: 'failed' });
});
