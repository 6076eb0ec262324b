// Line 43: no route shows, changes or confirms an object of another tenant or user, whatever is added later.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import {
  type ApiDocument,
  listPlaces,
  listUnknownPlaces,
  walkForeignIds,
} from '../../scripts/attack/foreign-ids.ts';
import { createNeighbour, createParty, type Party, type Send } from '../../scripts/attack/foreign-party.ts';

let system: System;
let document: ApiDocument;
let mine: Party;
let theirs: Party;
const send: Send = (method, path, { as, ...options } = {}) =>
  call(method, `${system.url}${path}`, { ...options, ...(as === undefined ? {} : { token: as }) });

beforeAll(async () => {
  system = await startSystem('foreign-ids', { backend: backends[0] as TestBackend });
  document = (await call('GET', `${system.url}/openapi.json`)).body;
  mine = await createParty(send, operatorToken, 'mine');
  theirs = await createParty(send, operatorToken, 'theirs');
  theirs.objects.passkey = await addPasskey(theirs.slug, theirs.objects.user);
});
afterAll(() => system?.close());

/** No authenticator is at hand: the row is what the routes look for. */
async function addPasskey(slug: string, userId: string): Promise<string> {
  const id = randomUUID();
  await system.services.db.owner.query(
    `insert into "tenant_${slug}".factors (id, user_id, kind, lookup, public_key, confirmed_at)
     values ($1, $2, 'passkey', $3, $3, now())`,
    [id, userId, Buffer.from(id)],
  );
  return id;
}

/** What an operator sees of a tenant's objects. */
async function picture({ slug, objects }: Party): Promise<string> {
  const { user, wallet } = objects;
  const paths = [
    'keys',
    'purchases',
    'provider-events',
    `users/${user}`,
    `wallets/${wallet}/freezes`,
    'webhook-endpoints',
    'audit',
  ];
  const shown = await Promise.all(
    paths.map((path) => send('GET', `/operator/tenants/${slug}/${path}`, { as: operatorToken })),
  );
  // The reconciliation may still look at the purchase.
  const times = new Set(['updatedAt']);
  return JSON.stringify(
    shown.map(({ body }) => body),
    (name, value) => (times.has(name) ? undefined : value),
  );
}

test('43 foreign ids: every id that the API takes has a recipe', () => {
  const unknown = listUnknownPlaces(document).map(({ method, path, key }) => `${method} ${path}: ${key}`);
  expect(unknown, 'say in scripts/attack/foreign-ids.ts what these name').toEqual([]);
  expect(listPlaces(document).length).toBeGreaterThan(30);
});

test("43 foreign ids: each answers 404 for another tenant's object and another user's", async () => {
  expect([...mine.madeUp, ...theirs.madeUp]).toEqual(['passkey', 'passkey']);
  const neighbour = await createNeighbour(send, mine);
  const passkey = await addPasskey('mine', neighbour.user);
  const strangers = [
    { whose: 'another tenant', isNeighbour: false, objects: theirs.objects },
    { whose: 'a neighbour', isNeighbour: true, objects: { ...neighbour, passkey } },
  ];
  const before = await picture(theirs);
  const steps = await walkForeignIds(send, document, { mine, strangers, operatorToken });
  const seen = steps.filter(({ ok }) => !ok);
  const lines = seen.map(
    ({ place, caller, whose, status, code }) =>
      `${place.method} ${place.path} (${place.in} ${place.name}) by ${caller}, of ${whose}: ${status} ${code}`,
  );
  expect(lines, lines.join('\n')).toEqual([]);
  expect(new Set(steps.map(({ caller }) => caller))).toEqual(
    new Set(['user', 'platform', 'operator', 'nobody']),
  );
  expect(steps.length).toBeGreaterThan(40);
  expect(await picture(theirs)).toBe(before);
});
