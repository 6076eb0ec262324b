// Endpoints through both doors: what is refused, what is shown once, what the console does, and who may not.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listSealedValues } from '#shared/tenants/sealed-values.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { type Answer, call, createTenant, registerUser, type TestTenant } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '#tests/support/system.ts';

let system: System;
let tenant: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  // Without workers: nothing leaves, and every delivery waits.
  system = await startSystem('webhooks-endpoints', { backend: backends[0] as TestBackend, workers: false });
  tenant = await createTenant(system.url, uniqueSlug('hooks'));
  other = await createTenant(system.url, uniqueSlug('others'));
});
afterAll(() => system?.close());

type Door = (method: string, path: string, body?: unknown) => Promise<Answer>;
const url = 'https://hooks.example/coins?token=secret';
const platform: Door = (method, path, body) =>
  call(method, `${system.url}/webhook-endpoints${path}`, { token: tenant.secretKey, body });
const operator: Door = (method, path, body) =>
  call(method, `${system.url}/operator/tenants/${tenant.slug}/webhook-endpoints${path}`, {
    token: operatorToken,
    body,
  });
const code = ({ status, body }: Answer) => [status, body?.code];

describe.each<[string, () => Door]>([
  ['a platform', () => platform],
  ['an operator', () => operator],
])('%s', (_who, doorOf) => {
  test('makes, lists, changes, disables, enables and deletes endpoints, and sees a secret once', async () => {
    const door = doorOf();
    const made = await door('POST', '', { url, description: 'The game', eventTypes: ['entry.posted'] });
    expect(made).toMatchObject({
      status: 201,
      body: {
        secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
        endpoint: { url, description: 'The game', eventTypes: ['entry.posted'], status: 'enabled' },
      },
    });
    const { id } = made.body.endpoint;
    const listed = await door('GET', '');
    expect(listed.body.data).toContainEqual(made.body.endpoint);
    expect(JSON.stringify(listed.body)).not.toContain('whsec_');
    expect((await door('GET', `/${id}`)).body).toEqual(made.body.endpoint);
    expect(
      (await door('PATCH', `/${id}`, { url: 'https://hooks.example/2', eventTypes: [] })).body,
    ).toMatchObject({
      ...{ url: 'https://hooks.example/2', eventTypes: [], description: 'The game' },
    });
    expect((await door('PATCH', `/${id}`, {})).body.url).toBe('https://hooks.example/2');
    expect((await door('PATCH', `/${id}`, { status: 'disabled' })).body.disabledReason).toBe('by_hand');
    expect(code(await door('POST', `/${id}/test`))).toEqual([409, 'webhook_state']);
    expect(code(await door('POST', `/${id}/replay`, { since: '2026-01-01T00:00:00Z' }))).toEqual([
      409,
      'webhook_state',
    ]);
    expect((await door('PATCH', `/${id}`, { status: 'enabled', description: null })).body).toMatchObject({
      ...{ status: 'enabled', description: null, disabledAt: null },
    });
    const rotated = await door('POST', `/${id}/rotate`);
    expect([rotated.status, rotated.body.secret === made.body.secret]).toEqual([201, false]);
    const tested = await door('POST', `/${id}/test`);
    expect(tested).toMatchObject({
      ...{ status: 202, body: { type: 'webhook.test', status: 'waiting', attempts: 0, last: null, log: [] } },
    });
    const page = await door('GET', `/${id}/deliveries?limit=1`);
    expect(page.body).toMatchObject({ data: [{ id: tested.body.id }], hasMore: false, nextCursor: null });
    expect((await door('DELETE', `/${id}`)).status).toBe(204);
    expect(code(await door('GET', `/${id}`))).toEqual([404, 'not_found']);
    expect(code(await door('GET', `/${id}/deliveries/${tested.body.id}`))).toEqual([404, 'not_found']);
  });

  test.each<[string, object | string]>([
    ['no address', {}],
    ['an address that is none', { url: 'hooks.example' }],
    ['another scheme', { url: 'ftp://hooks.example/' }],
    ['an address inside', { url: 'https://10.1.2.3/' }],
    ['this machine', { url: 'http://127.0.0.1:3000/' }],
    ['metadata', { url: 'http://169.254.169.254/latest' }],
    ['a mapped address', { url: 'https://[::ffff:10.0.0.1]/' }],
    ['credentials in it', { url: 'https://name:word@hooks.example/' }],
    ['a type that is unknown', { url, eventTypes: ['operation.invented'] }],
    ['a type twice', { url, eventTypes: ['entry.posted', 'entry.posted'] }],
    ['two lines of description', { url, description: 'a\nb' }],
    ['an unknown field', { url, secret: 'whsec_mine' }],
  ])('is refused an endpoint with %s', async (_what, body) => {
    const door = doorOf();
    expect(code(await door('POST', '', body))).toEqual([422, 'invalid_input']);
  });

  test('is refused changes that say nothing, and ids that name nothing', async () => {
    const door = doorOf();
    const { id } = (await door('POST', '', { url })).body.endpoint;
    for (const body of [{ url: 'https://[::1]/' }, { status: 'gone' }, { eventTypes: 'all' }, { x: 1 }]) {
      expect(code(await door('PATCH', `/${id}`, body))).toEqual([422, 'invalid_input']);
    }
    for (const body of [{ overlapSeconds: -1 }, { overlapSeconds: 2_592_001 }, { overlapSeconds: 1.5 }]) {
      expect(code(await door('POST', `/${id}/rotate`, body))).toEqual([422, 'invalid_input']);
    }
    for (const body of [{}, { since: 'yesterday' }, { since: 5 }]) {
      expect(code(await door('POST', `/${id}/replay`, body))).toEqual([422, 'invalid_input']);
    }
    for (const query of ['limit=0', 'limit=101', 'status=lost', 'cursor=x']) {
      expect(code(await door('GET', `/${id}/deliveries?${query}`))).toEqual([422, 'invalid_input']);
    }
    expect(code(await door('POST', '', '{"url":'))).toEqual([400, 'malformed_request']);
    for (const unknown of [randomUUID(), 'x', '%00']) {
      for (const [method, path, body] of [
        ['GET', '', undefined],
        ['PATCH', '', {}],
        ['DELETE', '', undefined],
        ['POST', '/rotate', {}],
        ['POST', '/test', undefined],
        ['POST', '/replay', { since: '2026-01-01T00:00:00Z' }],
        ['GET', '/deliveries', undefined],
        ['GET', `/deliveries/${unknown}`, undefined],
        ['POST', `/deliveries/${unknown}/replay`, undefined],
      ] as const) {
        expect(code(await door(method, `/${unknown}${path}`, body)), `${method} ${path}`).toEqual([
          404,
          'not_found',
        ]);
      }
      expect(code(await door('POST', `/${id}/deliveries/${unknown}/replay`))).toEqual([404, 'not_found']);
    }
    await door('DELETE', `/${id}`);
  });
});

test('pages of the log go on where the one before ended', async () => {
  const { id } = (await platform('POST', '', { url })).body.endpoint;
  const made: string[] = [];
  for (let i = 0; i < 5; i += 1) made.push((await platform('POST', `/${id}/test`)).body.id);
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await platform('GET', `/${id}/deliveries?limit=2${cursor}`);
    seen.push(...body.data.map((line: { id: string }) => line.id));
    if (!body.hasMore) break;
    cursor = `&cursor=${body.nextCursor}`;
  }
  expect(seen).toEqual(made.toReversed());
  expect((await platform('GET', `/${id}/deliveries?type=entry.posted`)).body.data).toEqual([]);
  expect(
    (await platform('GET', `/${id}/deliveries?status=waiting&type=webhook.test`)).body.data,
  ).toHaveLength(5);
  await platform('DELETE', `/${id}`);
});

test('a tenant has twenty endpoints at most', async () => {
  const keys = { token: other.secretKey, body: { url } };
  const make = () => call('POST', `${system.url}/webhook-endpoints`, keys);
  for (let i = 0; i < 17; i += 1) expect((await make()).status).toBe(201);
  const last = await Promise.all(Array.from({ length: 8 }, make));
  expect(last.map(({ status }) => status).sort()).toEqual([201, 201, 201, 409, 409, 409, 409, 409]);
  expect(code(await make())).toEqual([409, 'webhook_state']);
});

test('users, keys without the scope, other tenants and strangers get nowhere', async () => {
  const { id } = (await platform('POST', '', { url })).body.endpoint;
  const user = await registerUser(system.url, tenant);
  const narrow = await call('POST', `${system.url}/operator/tenants/${tenant.slug}/keys`, {
    token: operatorToken,
    body: { name: 'reader', scopes: ['read', 'users'] },
  });
  const list = (token?: string) =>
    call('GET', `${system.url}/webhook-endpoints`, token === undefined ? {} : { token });
  expect(code(await list())).toEqual([401, 'unauthenticated']);
  expect(code(await list(user.token))).toEqual([403, 'forbidden']);
  expect(code(await list(narrow.body.secretKey))).toEqual([403, 'insufficient_scope']);
  expect(code(await list(operatorToken))).toEqual([401, 'unauthenticated']);
  const path = `${system.url}/webhook-endpoints/${id}`;
  expect(code(await call('GET', path, { token: other.secretKey }))).toEqual([404, 'not_found']);
  expect(code(await call('DELETE', path, { token: other.secretKey }))).toEqual([404, 'not_found']);
  expect((await platform('GET', `/${id}`)).status).toBe(200);
});

test('every change is in the audit, without what is secret in the address', async () => {
  const { id } = (await platform('POST', '', { url })).body.endpoint;
  await platform('PATCH', `/${id}`, { status: 'disabled' });
  await platform('PATCH', `/${id}`, { status: 'enabled' });
  await platform('POST', `/${id}/rotate`, { overlapSeconds: 60 });
  const tested = await platform('POST', `/${id}/test`);
  await operator('POST', `/${id}/deliveries/${tested.body.id}/replay`);
  await operator('POST', `/${id}/replay`, { since: '2026-01-01T00:00:00Z' });
  await operator('DELETE', `/${id}`);
  const audit = await call('GET', `${system.url}/operator/tenants/${tenant.slug}/audit?limit=8`, {
    token: operatorToken,
  });
  const lines = audit.body.data.toReversed();
  expect(lines.map((line: { action: string }) => line.action)).toEqual([
    ...[
      'webhook_endpoint.create',
      'webhook_endpoint.change',
      'webhook_endpoint.change',
      'webhook_endpoint.rotate',
    ],
    ...[
      'webhook_endpoint.test',
      'webhook_delivery.replay',
      'webhook_endpoint.replay',
      'webhook_endpoint.delete',
    ],
  ]);
  expect(lines[0]).toMatchObject({
    actor: expect.stringMatching(/^key:/),
    detail: { host: 'hooks.example' },
  });
  expect(lines[7].actor).toBe('operator:token');
  expect(JSON.stringify(lines)).not.toMatch(/token=secret|whsec_/);
});

test('secrets are sealed where they lie, and are among what a new key seals anew', async () => {
  const { body } = await platform('POST', '', { url });
  const { rows } = await system.services.db.owner.query(
    `select to_jsonb(s) as row from coinlane.webhook_secrets s where endpoint_id = $1`,
    [body.endpoint.id],
  );
  expect(rows).toHaveLength(1);
  expect(JSON.stringify(rows)).not.toContain(body.secret.slice(6, 30));
  const places: string[] = [];
  for await (const { place } of listSealedValues(system.services.db)) places.push(place);
  expect(places).toContain(`webhook secret ${rows[0].row.id} of ${tenant.slug}`);
});
