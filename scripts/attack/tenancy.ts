// Lines 43 to 46 and 50: what keeps tenants apart, and what a key may do.
import { randomBytes, randomUUID } from 'node:crypto';
import { type ApiDocument, listUnknownPlaces, walkForeignIds } from './foreign-ids.ts';
import { createNeighbour, createParty, type Party, type Send } from './foreign-party.ts';
import type { Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';

async function foreignIds(ground: Ground): Promise<string> {
  const { operatorToken } = ground.stage.target;
  const described = await ground.send('GET', '/openapi.json');
  expectAnswer('the description of the API', described, 200);
  const document = described.body as ApiDocument;
  const unknown = listUnknownPlaces(document).map(({ method, path, key }) => `${method} ${path}: ${key}`);
  expectSame('ids of the API that this line does not know', unknown, []);
  const slugs = [0, 1].map(() => `attack-${randomBytes(6).toString('hex')}`);
  ground.stage.slugs.push(...slugs);
  const send: Send = (method, path, options) => ground.send(method, path, options);
  const [mine, theirs] = await Promise.all(slugs.map((slug) => createParty(send, operatorToken, slug)));
  if (!mine || !theirs) throw new Error('there are no two parties');
  const neighbour: Partial<Party['objects']> & { user: string } = await createNeighbour(send, mine);
  await plantPasskeys(ground, theirs, { slug: mine.slug, objects: neighbour });
  const strangers = [
    { whose: 'another tenant', isNeighbour: false, objects: theirs.objects },
    { whose: 'a neighbour', isNeighbour: true, objects: neighbour },
  ];
  const steps = await walkForeignIds(send, document, { mine, strangers, operatorToken });
  const open = steps.filter(({ ok }) => !ok);
  const told = open.map(
    ({ place, caller, whose, status, code }) =>
      `${place.method} ${place.path} by ${caller}, of ${whose}: ${status} ${code}`,
  );
  expectSame('objects that did not stay hidden', told, []);
  expectThat('requests that were tried', steps.length > 50, 'more than 50', steps.length);
  const without = theirs.madeUp.filter((kind) => kind !== 'passkey');
  if (without.length > 0) {
    ground.unshown.push(
      `needs ids that could not be made (${without.join(', ')}): the server has no sandbox`,
    );
  }
  return `${steps.length} requests over every id of the API`;
}

/** No authenticator is at hand: the rows are planted. */
async function plantPasskeys(
  ground: Ground,
  ...owners: { slug: string; objects: { user: string; passkey?: string } }[]
): Promise<void> {
  await ground.part('database', async () => {
    for (const { slug, objects } of owners) {
      objects.passkey = await ground.database.plantPasskey(slug, objects.user);
    }
  });
}

async function wrongSchema(ground: Ground): Promise<string> {
  const [ours, theirs] = [await ground.plainTenant(0), await ground.plainTenant(1)];
  await ground.newUser(ours);
  await ground.newUser(theirs);
  const probe = await ground.database.tryWall(ours.slug, theirs.slug);
  expectThat('users as their own tenant counts them', probe.ownRows > 0, 'some', probe.ownRows);
  const { ownRows: _ownRows, ...across } = probe;
  const walled = { foreignRows: 0, unsetRows: 0, insert: '42501', updated: 0, deleted: 0 };
  expectSame('what a transaction of another tenant reaches', across, walled);
  return `${probe.ownRows} rows for its own tenant, none for another or for nobody; an insert is 42501`;
}

async function pooledConnection(ground: Ground): Promise<string> {
  const [ours, theirs] = [await ground.plainTenant(0), await ground.plainTenant(1)];
  const probe = await ground.database.tryPooledConnection(ours.slug);
  expectSame('the statement that fails inside a tenant', probe.fault, '22012');
  expectSame('what the connection still knows of the tenant', probe.left, '');
  // And over HTTP: requests that fail in one tenant, between requests of another.
  const known = await ground.newUser(ours);
  const { token, email } = await ground.newUser(theirs);
  const rounds = Array.from({ length: 20 }, async () => {
    const [failed, read] = await Promise.all([
      ground.register(ours, { email: known.email, password: newPassword() }),
      ground.profile(token),
    ]);
    expectAnswer('a registration that fails', failed, '409 email_taken');
    expectSame('the profile beside it', read.body.email, email);
  });
  await Promise.all(rounds);
  return 'no tenant and no search path is left on a connection after a fault';
}

const badSlugs = [
  'x"; drop schema tenant_x cascade; --',
  "x'; drop table users; --",
  'x" cascade',
  '../coinlane',
  'X',
  'x',
  'tenant x',
  'pg_catalog,x',
  `a${'b'.repeat(31)}`,
  'ünïcode',
  'a%00b',
  '__proto__',
];

async function badTenantNames(ground: Ground): Promise<string> {
  const standing = await ground.plainTenant();
  const login = { email: newEmail(), password: newPassword() };
  for (const slug of badSlugs) {
    const header = encodeURIComponent(slug) === slug ? slug : Buffer.from(slug).toString('latin1');
    const named = await ground.send('POST', '/login', { headers: { 'x-tenant': header }, body: login });
    expectAnswer(`X-Tenant: ${slug}`, named, '404 tenant_not_found');
    const made = await ground.operator('POST', '/operator/tenants', { slug, name: 'x' });
    expectAnswer(`a tenant called ${slug}`, made, '422 invalid_input');
    const path = encodeURIComponent(slug);
    const shown = await ground.operator('GET', `/operator/tenants/${path}/integrity`);
    expectAnswer(`the operator's page of ${slug}`, shown, 404);
    expectAnswer(
      `the keys of ${slug}`,
      await ground.send('GET', `/.well-known/jwks.json?tenant=${path}`),
      404,
      422,
    );
    expectAnswer(
      `a webhook for ${slug}`,
      await ground.send('POST', `/webhooks/sandbox/${path}`, { body: {} }),
      404,
    );
    for (const token of [`sk_${slug}_x`, `rt_${slug}_x`]) {
      expectAnswer(
        `the credential ${token}`,
        await ground.profile(Buffer.from(token).toString('latin1')),
        401,
      );
    }
    const refresh = await ground.refresh(`rt_${slug}_${randomUUID()}_abc_def`);
    expectAnswer(`a refresh token of ${slug}`, refresh, '401 unauthenticated');
    const verified = await ground.send('POST', '/email/verify', { body: { token: `mt_${slug}_abc` } });
    expectAnswer(`a mail token of ${slug}`, verified, '400 invalid_token');
  }
  await ground.newUser(standing);
  return `${badSlugs.length} names in eight places`;
}

async function secretKeys(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  const keys = `/operator/tenants/${tenant.slug}/keys`;
  const made = await ground.operator('POST', keys, { name: 'reader', scopes: ['read'] });
  expectAnswer('a key that may read', made, 201);
  const { key, secretKey } = made.body;
  const act = (path: string, body: object) =>
    ground.send('POST', path, { as: secretKey, key: randomUUID(), body: { userId: user.id, ...body } });
  const balance = () => ground.send('GET', `/wallet/balance?userId=${user.id}`, { as: secretKey });
  expectAnswer('what its scope names', await balance(), 200);
  const beyond: [string, object][] = [
    ['/wallet/grant', { amount: 1 }],
    ['/wallet/spend', { amount: 1 }],
    ['/wallet/buy', { coins: 100, provider: 'sandbox' }],
    ['/wallet/refund', { operationId: randomUUID() }],
  ];
  for (const [path, body] of beyond) {
    expectAnswer('beyond its scope', await act(path, body), '403 insufficient_scope');
  }
  const listed = await ground.operator('GET', keys);
  for (const secret of [secretKey, tenant.secretKey]) {
    expectThat('the list of keys', !listed.text.includes(secret), 'no secret in it', 'a secret');
  }
  const changed = `${secretKey.slice(0, -1)}${secretKey.endsWith('A') ? 'B' : 'A'}`;
  expectAnswer('a key with another last letter', await ground.profile(changed), 401);
  expectAnswer('the key is revoked', await ground.operator('DELETE', `${keys}/${key.id}`), 204);
  expectAnswer('the revoked key', await balance(), '401 unauthenticated');
  if (ground.has('second')) {
    const there = await ground.poll(async () => {
      const path = `${ground.secondUrl}/wallet/balance?userId=${user.id}`;
      return (await ground.send('GET', path, { as: secretKey })).status === 401;
    }, 2000);
    expectThat('the revoked key at another process', there === true, '401 within two seconds', 'still good');
  }
  await ground.part('database', async () => {
    for (const secret of [secretKey, tenant.secretKey]) {
      const bare = secret.split('_').slice(2).join('_');
      expectSame('rows that hold a secret key', await ground.database.rowsHolding(tenant.slug, bare), []);
    }
  });
  return 'refused at once after it was revoked; shown once, stored as a hash';
}

export const tenancyLines: Attack[] = [
  { number: 43, title: "every route with somebody else's id", needs: [], run: foreignIds },
  { number: 44, title: 'the wrong schema named in a statement', needs: ['database'], run: wrongSchema },
  { number: 45, title: 'a pooled connection after a fault', needs: ['database'], run: pooledConnection },
  { number: 46, title: 'a tenant called x"; drop …', needs: [], run: badTenantNames },
  { number: 50, title: 'a key beyond its scope, a key after it was revoked', needs: [], run: secretKeys },
];
