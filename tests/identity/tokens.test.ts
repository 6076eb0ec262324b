// Access tokens: only what this tenant's key signed, for this purpose, of a live session, is believed.
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  generateKeyPair,
  type JWK,
  jwtVerify,
  SignJWT,
} from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  openIdentity,
  openTestIdentity,
  type Registered,
  register,
  rowsOf,
  welcomeTokenOf,
} from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;
let ada: Registered;

beforeAll(async () => {
  identity = await openTestIdentity('identity_tokens');
  call = identity.call;
  ada = await register(identity);
});
afterAll(() => identity.close());

const now = () => Math.floor(Date.now() / 1000);
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const profile = (bearer: string) => call('GET', '/profile', { bearer });
const publicKeyOf = async (tenant: string) =>
  (await call('GET', `/.well-known/jwks.json?tenant=${tenant}`)).body.keys[0] as JWK;

interface Forgery {
  signedBy?: string;
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
}

/** Ada's token made anew with a tenant's real key, but for what is changed. */
async function forge({ signedBy = 'acme', header = {}, claims = {} }: Forgery): Promise<string> {
  const { signing } = await identity.deps.signingKeys.of(signedBy);
  const payload = { ...decodeJwt(ada.accessToken), ...claims };
  for (const [name, value] of Object.entries(payload)) if (value === undefined) delete payload[name];
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: signing.kid, ...header })
    .sign(signing.key);
}

describe('an access token', () => {
  test('says who, where and for how long, and can be verified with the published keys alone', async () => {
    const { body } = await call('GET', '/.well-known/jwks.json?tenant=acme');
    const { payload, protectedHeader } = await jwtVerify(ada.accessToken, createLocalJWKSet(body), {
      issuer: 'https://coins.example/t/acme',
      audience: 'coinlane:acme',
      typ: 'at+jwt',
    });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: body.keys[0].kid });
    expect(payload).toEqual({
      iss: 'https://coins.example/t/acme',
      aud: 'coinlane:acme',
      sub: ada.id,
      sid: ada.refreshToken.split('_')[2],
      client_id: 'acme',
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: (payload.iat ?? 0) + 900,
    });
    expect(decodeProtectedHeader(ada.accessToken).kid).not.toBe((await publicKeyOf('other')).kid);
  });

  test('is believed as the tests make it, so that what follows is refused for the one thing it changes', async () => {
    expect((await profile(await forge({}))).status).toBe(200);
  });

  const forgeries: [string, () => Forgery | Promise<Forgery>][] = [
    ['28 signed by the key of another tenant', () => ({ signedBy: 'other' })],
    [
      "28 signed by the key of another tenant under the right one's name",
      async () => ({ signedBy: 'other', header: { kid: (await publicKeyOf('acme')).kid } }),
    ],
    [
      '28 that names the key of another tenant',
      async () => ({ header: { kid: (await publicKeyOf('other')).kid } }),
    ],
    ['28 that says it is of another tenant', () => ({ claims: { iss: 'https://coins.example/t/other' } })],
    [
      '28 that says it is of another tenant, and for it',
      () => ({ claims: { iss: 'https://coins.example/t/other', aud: 'coinlane:other' } }),
    ],
    ['of a tenant that does not exist', () => ({ claims: { iss: 'https://coins.example/t/nobody' } })],
    ['whose issuer is none', () => ({ claims: { iss: undefined } })],
    ['whose issuer is not a text', () => ({ claims: { iss: 7 } })],
    ['whose issuer only begins right', () => ({ claims: { iss: 'https://coins.example/t/acme/x' } })],
    ['28 for another audience', () => ({ claims: { aud: 'coinlane:other' } })],
    ['for no audience', () => ({ claims: { aud: undefined } })],
    ['29 of another type', () => ({ header: { typ: 'JWT' } })],
    ['29 of no type', () => ({ header: { typ: undefined } })],
    ['that names no key', () => ({ header: { kid: undefined } })],
    ['that has run out', () => ({ claims: { exp: now() - 1 } })],
    ['that never runs out', () => ({ claims: { exp: undefined } })],
    ['without a session', () => ({ claims: { sid: undefined } })],
    ['of a session that does not exist', () => ({ claims: { sid: '0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77' } })],
    ['without a user', () => ({ claims: { sub: undefined } })],
    [
      "with somebody else's session",
      async () => ({ claims: { sid: decodeJwt((await register(identity)).accessToken).sid } }),
    ],
  ];
  test.each(forgeries)('%s is 401', async (_name, forgery) => {
    const answer = await profile(await forge(await forgery()));
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
  });

  test('27 with alg none is 401', async () => {
    const header = { ...decodeProtectedHeader(ada.accessToken), alg: 'none' };
    for (const alg of ['none', 'None', 'NONE', '']) {
      const unsigned = `${encode({ ...header, alg })}.${encode(decodeJwt(ada.accessToken))}`;
      for (const token of [`${unsigned}.`, `${unsigned}.${ada.accessToken.split('.')[2]}`, unsigned]) {
        expect((await profile(token)).status).toBe(401);
      }
    }
  });

  test('27 with HS256 over the public key, in any form of it, is 401', async () => {
    const jwk = await publicKeyOf('acme');
    const header = { alg: 'HS256', typ: 'at+jwt', kid: jwk.kid };
    const raw = Buffer.concat([
      Buffer.from([4]),
      Buffer.from(jwk.x ?? '', 'base64url'),
      Buffer.from(jwk.y ?? '', 'base64url'),
    ]);
    for (const secret of [Buffer.from(JSON.stringify(jwk)), raw, Buffer.from(jwk.x ?? '', 'base64url')]) {
      const token = await new SignJWT(decodeJwt(ada.accessToken)).setProtectedHeader(header).sign(secret);
      expect((await profile(token)).status).toBe(401);
    }
  });

  test('27 that brings its own key along is 401', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    const jwk = (await crypto.subtle.exportKey('jwk', pair.publicKey)) as JWK;
    const { kid } = await publicKeyOf('acme');
    for (const extra of [{ jwk }, { jku: 'https://evil.example/jwks.json' }]) {
      const token = await new SignJWT(decodeJwt(ada.accessToken))
        .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid, ...extra })
        .sign(pair.privateKey);
      expect((await profile(token)).status).toBe(401);
    }
  });

  test('that was changed anywhere, cut short, or is something else is 401 and never 500', async () => {
    const token = ada.accessToken;
    const changed = Array.from({ length: 40 }, (_, index) => {
      const at = Math.floor((index * token.length) / 40);
      // Four letters on: the last letter of a part carries bits that decoding ignores.
      const letter = String.fromCharCode(token.charCodeAt(at) === 65 ? 90 : 65);
      return `${token.slice(0, at)}${letter}${token.slice(at + 1)}`;
    });
    const others = [
      ...[
        token.slice(0, -1),
        token.slice(1),
        `${token}.${token}`,
        '.',
        '..',
        '...',
        'x',
        'x'.repeat(100_000),
      ],
      ...[ada.refreshToken, await welcomeTokenOf(identity, 'acme', ada.id), `sk_acme_${'x'.repeat(43)}`],
      ...[`${encode({})}.${encode({})}.${encode({})}`, `${encode([])}.${encode([])}.`],
    ];
    for (const bad of [...changed, ...others]) {
      expect([bad, (await profile(bad)).status]).toEqual([bad, 401]);
    }
    expect((await profile(token)).status).toBe(200);
  });

  test('known by heart is refused from the second on in which it runs out', async () => {
    const token = await forge({ claims: { exp: now() + 2 } });
    expect((await profile(token)).status).toBe(200);
    await expect.poll(async () => (await profile(token)).status, { timeout: 4000, interval: 50 }).toBe(401);
    expect(now()).toBeLessThanOrEqual((decodeJwt(token).exp ?? 0) + 1);
  });

  test('from a process that has another address of its own is as good', async () => {
    const second = await openIdentity(identity.database.url, {
      settings: { PUBLIC_URL: 'http://127.0.0.1:3999' },
    });
    try {
      const { accessToken } = await register(second);
      expect(decodeJwt(accessToken).iss).toBe('http://127.0.0.1:3999/t/acme');
      expect((await profile(accessToken)).status).toBe(200);
    } finally {
      await second.close();
    }
  });

  test('of a suspended tenant is 403', async () => {
    const { accessToken, refreshToken } = await register(identity, 'other');
    await rowsOf(identity, `update coinlane.tenants set status = 'suspended' where slug = 'other'`);
    identity.deps.tenants.forget('other');
    try {
      expect((await profile(accessToken)).body.code).toBe('tenant_suspended');
      const refreshed = await call('POST', '/token/refresh', { body: { refreshToken } });
      expect(refreshed.body.code).toBe('tenant_suspended');
    } finally {
      await rowsOf(identity, `update coinlane.tenants set status = 'active' where slug = 'other'`);
      identity.deps.tenants.forget('other');
    }
  });
});

describe('the published keys', () => {
  test('are public, the tenant’s own, and may be kept a while', async () => {
    const answer = await call('GET', '/.well-known/jwks.json?tenant=acme');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    expect(answer.body).toEqual({
      keys: [
        {
          kty: 'EC',
          crv: 'P-256',
          x: expect.any(String),
          y: expect.any(String),
          kid: expect.any(String),
          alg: 'ES256',
          use: 'sig',
        },
      ],
    });
  });

  test.each([
    ['without a tenant', '', 400, 'tenant_required'],
    ['of nobody', '?tenant=nobody', 404, 'tenant_not_found'],
    ['of an impossible name', '?tenant=x%22%3B%20drop', 404, 'tenant_not_found'],
    ['of two tenants', '?tenant=acme&tenant=other', 422, 'invalid_input'],
  ])('%s are refused', async (_name, query, status, code) => {
    const answer = await call('GET', `/.well-known/jwks.json${query}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});
