// Lines 27 to 29 and 35: what is believed as an access token, and for how long a key is.
import { decodeJwt, decodeProtectedHeader, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { AttackTenant, Ground } from './ground.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Tries a token at a route that reads and at one that moves coins. @throws Fallen unless both refuse it */
async function expectRefused(ground: Ground, what: string, token: string): Promise<void> {
  expectAnswer(what, await ground.profile(token), '401 unauthenticated');
  expectAnswer(what, await ground.spend(token, { amount: 1 }), '401 unauthenticated');
}

async function keysOf(ground: Ground, { slug }: AttackTenant): Promise<JWK[]> {
  const answer = await ground.send('GET', `/.well-known/jwks.json?tenant=${slug}`);
  expectAnswer('the public keys', answer, 200);
  return answer.body.keys;
}

async function forgedAlgorithms(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const { token } = await ground.newUser(tenant);
  const claims = decodeJwt(token);
  const header = decodeProtectedHeader(token);
  const [jwk = {}] = await keysOf(ground, tenant);
  const signature = token.split('.')[2];
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    const unsigned = `${encode({ ...header, alg })}.${encode(claims)}`;
    for (const forged of [`${unsigned}.`, `${unsigned}.${signature}`, unsigned]) {
      await expectRefused(ground, `alg "${alg}"`, forged);
    }
  }
  const point = [Buffer.from(jwk.x ?? '', 'base64url'), Buffer.from(jwk.y ?? '', 'base64url')];
  const secrets = [JSON.stringify(jwk), JSON.stringify({ keys: [jwk] }), jwk.x ?? ''];
  for (const secret of [...secrets.map(Buffer.from), ...point, Buffer.concat([Buffer.from([4]), ...point])]) {
    const forged = await new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(secret);
    await expectRefused(ground, 'HS256 with the public key', forged);
  }
  const own = await generateKeyPair('ES256', { extractable: true });
  const ownJwk = await crypto.subtle.exportKey('jwk', own.publicKey);
  const extras = [
    { jwk: ownJwk as JWK },
    { jku: 'https://evil.attack.example/jwks.json' },
    { x5u: 'https://evil.attack.example/x5u' },
    {},
  ];
  for (const extra of extras) {
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ ...header, alg: 'ES256', ...extra })
      .sign(own.privateKey);
    await expectRefused(ground, `a key of the attacker's ${Object.keys(extra).join('')}`, forged);
  }
  expectAnswer('the token itself', await ground.profile(token), 200);
  return 'none, HS256 over six forms of the public key, jwk, jku, x5u';
}

async function foreignTenant(ground: Ground): Promise<string> {
  const [ours, theirs] = [await ground.plainTenant(0), await ground.plainTenant(1)];
  const { token } = await ground.newUser(ours);
  const { token: theirToken } = await ground.newUser(theirs);
  const claims = decodeJwt(token);
  const theirClaims = decodeJwt(theirToken);
  const [ourKey, theirKey] = [await keysOf(ground, ours), await keysOf(ground, theirs)];
  const kids = (keys: JWK[]) => keys.map(({ kid }) => kid);
  const shared = kids(ourKey).filter((kid) => kids(theirKey).includes(kid));
  expectSame('keys that two tenants share', shared, []);
  expectThat('issuers differ', claims.iss !== theirClaims.iss, 'one of each tenant', claims.iss);
  expectThat('audiences differ', claims.aud !== theirClaims.aud, 'one of each tenant', claims.aud);
  const [head = '', body = '', signature = ''] = token.split('.');
  const rewritten = (changes: object) => `${head}.${encode({ ...claims, ...changes })}.${signature}`;
  const { iss, aud } = theirClaims;
  await expectRefused(ground, "the other tenant's issuer", rewritten({ iss }));
  await expectRefused(ground, "the other tenant's audience", rewritten({ aud }));
  await expectRefused(ground, "the other tenant's issuer and audience", rewritten({ iss, aud }));
  for (const kid of kids(theirKey)) {
    const header = encode({ ...decodeProtectedHeader(token), kid });
    await expectRefused(ground, "the other tenant's kid", `${header}.${body}.${signature}`);
  }
  const named = await ground.profile(token, { tenant: theirs.slug });
  expectAnswer('the token at the other tenant', named, '403 tenant_mismatch', 401);
  return `a token beside X-Tenant of another tenant is ${named.status} ${named.body.code}`;
}

async function otherTokens(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  const { email, password } = user;
  expectSame('the type in the header of an access token', decodeProtectedHeader(user.token).typ, 'at+jwt');
  const login = await ground.login(tenant, { email, password });
  const kinds: [string, unknown][] = [
    ['a refresh token', user.refreshToken],
    ['a device token', login.body.deviceToken],
    ['the secret of a sandbox account', `sbx_${tenant.slug}_x`],
    ['a key of no tenant', 'sk_'],
  ];
  await ground.part('mails', async () => {
    await ground.send('POST', '/password/forgot', { tenant: tenant.slug, body: { email } });
    const reset = await ground.mail(email, 'a reset', ({ text }) => text.includes('reset-password?token='));
    kinds.push(['a reset token', decodeURIComponent(/token=([\w%.-]+)/.exec(reset.text)?.[1] ?? '')]);
  });
  for (const [what, token] of kinds) {
    if (typeof token === 'string' && token !== '')
      await expectRefused(ground, `${what} as access token`, token);
  }
  const refreshed = await ground.refresh(user.token);
  expectAnswer('an access token as refresh token', refreshed, '401 unauthenticated');
  const verified = await ground.send('POST', '/email/verify', { body: { token: user.token } });
  expectAnswer('an access token as mail token', verified, '400 invalid_token');
  return kinds.map(([what]) => what).join(', ');
}

const signingKey = (token: string) => String(decodeProtectedHeader(token).kid);

/** At both processes; the other one may need a moment to hear of a change. */
async function expectEverywhere(ground: Ground, what: string, token: string, status: number): Promise<void> {
  for (const url of [ground.stage.target.url, ground.secondUrl]) {
    const last = await ground.poll(async () => {
      const answer = await ground.send('GET', `${url}/wallet/balance`, { as: token });
      return answer.status === status && answer;
    }, 2000);
    expectThat(
      `${what}, at ${url === ground.secondUrl ? 'the other' : 'this'} process`,
      last !== undefined,
      String(status),
      'another status',
    );
  }
}

async function rotatedKeys(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const { email, password, ...user } = await ground.newUser(tenant);
  const keys = `/operator/tenants/${tenant.slug}/signing-keys`;
  const loginAt = async (url: string): Promise<string> => {
    const answer = await ground.send('POST', `${url}/login`, {
      tenant: tenant.slug,
      body: { email, password },
    });
    expectAnswer('a login', answer, 200);
    return answer.body.accessToken;
  };
  await expectEverywhere(ground, 'a token before the rotation', user.token, 200);
  const rotated = await ground.operator('POST', keys, { activateInSeconds: 0 });
  expectAnswer('the key is rotated', rotated, 201);
  const { kid } = rotated.body.key;
  for (const url of [ground.stage.target.url, ground.secondUrl]) {
    const fresh = await ground.poll(async () => {
      const token = await loginAt(url);
      return signingKey(token) === kid && token;
    }, 3000);
    expectThat(
      'who logs in after the rotation',
      fresh !== undefined,
      'gets a token of the new key',
      'the old key',
    );
    await expectEverywhere(ground, 'a token after the rotation', String(fresh), 200);
    const published = await ground.send('GET', `${url}/.well-known/jwks.json?tenant=${tenant.slug}`);
    const kids = (published.body.keys as JWK[]).map((key) => key.kid);
    const both = [kid, signingKey(user.token)].every((each) => kids.includes(each));
    expectThat('the published keys in the overlap', both, 'both', kids);
  }
  await expectEverywhere(ground, 'an old token in the overlap', user.token, 200);
  const revoked = await ground.operator('DELETE', `${keys}/${signingKey(user.token)}`);
  expectAnswer('the old key is revoked', revoked, 204);
  expectAnswer('an old token after that', await ground.profile(user.token), '401 unauthenticated');
  await expectEverywhere(ground, 'an old token after that', user.token, 401);
  const next = await ground.refresh(user.refreshToken);
  expectAnswer('a refresh after that', next, 200);
  await expectEverywhere(ground, 'the token of the refresh', next.body.accessToken, 200);
  return 'both keys hold at both processes, nobody restarts; a revoked one is refused at once';
}

export const tokenLines: Attack[] = [
  {
    number: 27,
    title: "alg none, HS256 over the public key, one's own key",
    needs: [],
    run: forgedAlgorithms,
  },
  { number: 28, title: 'a token of one tenant at another', needs: [], run: foreignTenant },
  { number: 29, title: 'a refresh or reset token as access token', needs: [], run: otherTokens },
  { number: 35, title: 'keys that rotate, and one that is stolen', needs: ['second'], run: rotatedKeys },
];
