// Linking and unlinking by hand: who may, what a stranger can do with the address, and the last way in.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, call, registerUser, type TestTenant, type TestUser } from '#tests/support/client.ts';
import { openBrowser } from './browser.ts';
import {
  begin,
  type Ground,
  logIn,
  mailsOf,
  newFacebookPerson,
  newGooglePerson,
  newPkce,
  openGround,
  openRoutes,
  type ProviderName,
  passProvider,
  platformUrl,
  rowsOf,
} from './ground.ts';

let ground: Ground;
let acme: TestTenant;
beforeAll(async () => {
  ground = await openGround('oauth_linking');
  acme = await ground.addTenant();
});
afterAll(() => ground?.close());

const inAcme = (text: string, values: unknown[]) =>
  rowsOf(ground, text.replaceAll('%', `"tenant_${acme.slug}".`), values);
async function newUser(): Promise<TestUser> {
  const user = await registerUser(ground.system.url, acme);
  await inAcme('update %users set email_verified_at = now() where id = $1', [user.id]);
  return user;
}
const ask = (method: string, token: string, provider: string, body?: object) =>
  call(method, `${ground.system.url}/identities${provider}`, { token, body });
const beginLink = (user: TestUser, provider: ProviderName = 'facebook') =>
  ask('POST', user.token, `/${provider}`, { redirectTo: platformUrl, state: 'mine' });
const finish = (token: string, code: string, provider: ProviderName = 'facebook') =>
  ask('PUT', token, `/${provider}`, { code });
/** What a browser that opens the address of a linking comes back with. */
async function codeOf(authorizeUrl: string, browser = openBrowser()): Promise<string> {
  const page = await browser.visit(await passProvider(browser, await browser.visit(authorizeUrl)));
  expect(page.location.startsWith(`${platformUrl}&code=oc_`)).toBe(true);
  expect(new URL(page.location).searchParams.get('state')).toBe('mine');
  return new URL(page.location).searchParams.get('code') ?? '';
}
async function link(user: TestUser, provider: ProviderName = 'facebook'): Promise<Answer> {
  return finish(user.token, await codeOf((await beginLink(user, provider)).body.authorizeUrl), provider);
}
const expectRefused = ({ status, body }: Answer, refusal: [number, string]) =>
  expect([status, body.code]).toEqual(refusal);

test('40 after a fresh login a user links what would not link by itself, and then logs in by it', async () => {
  const user = await newUser();
  ground.facebook.person = newFacebookPerson(user.email);
  expect((await logIn(ground, acme, 'facebook')).body.code).toBe('link_required');
  const answer = await link(user);
  expect(answer.status).toBe(200);
  const shown = { provider: 'facebook', email: user.email, createdAt: expect.any(String) };
  expect(answer.body).toMatchObject(shown);
  expect((await ask('GET', user.token, '')).body).toMatchObject({ data: [shown], hasMore: false });
  expect((await logIn(ground, acme, 'facebook')).body.user.id).toBe(user.id);
  expect(await mailsOf(ground, acme, user.id)).toEqual(['welcome', 'identity_changed']);
  // The same again changes nothing.
  expect((await link(user)).status).toBe(200);
  expect(await mailsOf(ground, acme, user.id)).toHaveLength(2);
});

test('40 a login of eleven minutes ago neither links nor unlinks', async () => {
  const user = await newUser();
  await inAcme(`update %sessions set authenticated_at = now() - interval '11 minutes' where user_id = $1`, [
    user.id,
  ]);
  expectRefused(await beginLink(user), [403, 'fresh_login_required']);
  expectRefused(await ask('DELETE', user.token, '/facebook'), [403, 'fresh_login_required']);
});

test('40 the address of a linking in a stranger’s browser links nothing to anybody', async () => {
  const attacker = await newUser();
  const victim = await newUser();
  ground.facebook.person = newFacebookPerson();
  const { authorizeUrl } = (await beginLink(attacker)).body;
  // The victim's browser comes back with a code, at a page of the platform that the victim is logged in to.
  const code = await codeOf(authorizeUrl);
  expectRefused(await finish(victim.token, code), [400, 'invalid_token']);
  expectRefused(await finish(attacker.token, code), [400, 'invalid_token']);
  expect(await inAcme('select 1 from %identities where subject = $1', [ground.facebook.person.id])).toEqual(
    [],
  );
});

test('40 only the session that began may finish, and only while it lives', async () => {
  const user = await newUser();
  const again = await call('POST', `${ground.system.url}/login`, {
    tenant: acme.slug,
    body: { email: user.email, password: 'correct horse battery' },
  });
  ground.facebook.person = newFacebookPerson();
  const codes = [await codeOf((await beginLink(user)).body.authorizeUrl)];
  codes.push(await codeOf((await beginLink(user)).body.authorizeUrl));
  expectRefused(await finish(again.body.accessToken, codes[0]!), [400, 'invalid_token']);
  await call('POST', `${ground.system.url}/logout`, { token: user.token, body: {} });
  expectRefused(await finish(user.token, codes[1]!), [401, 'unauthenticated']);
});

test('a code links or logs in, never the other', async () => {
  const user = await newUser();
  ground.facebook.person = newFacebookPerson();
  const linkCode = await codeOf((await beginLink(user)).body.authorizeUrl);
  const { codeVerifier, challenge } = newPkce();
  const redeem = { body: { code: linkCode, codeVerifier } };
  expectRefused(await call('POST', `${ground.system.url}/oauth/token`, redeem), [400, 'invalid_token']);
  const browser = openBrowser();
  const query = { tenant: acme.slug, redirect_to: platformUrl, code_challenge: challenge };
  const back = await passProvider(browser, await begin(ground, browser, 'facebook', query));
  const loginCode = new URL((await browser.visit(back)).location).searchParams.get('code') ?? '';
  expectRefused(await finish(user.token, loginCode), [400, 'invalid_token']);
});

test('the address of a linking opens once, at its own provider and tenant', async () => {
  const user = await newUser();
  const { authorizeUrl } = (await beginLink(user)).body;
  const visit = async (url: string, headers = {}) => (await openBrowser().visit(url, { headers })).body?.code;
  expect(await visit(authorizeUrl.replace('/facebook', '/google'))).toBe('invalid_token');
  const other = await ground.addTenant();
  expect(await visit(authorizeUrl, { 'x-tenant': other.slug })).toBe('tenant_mismatch');
  expect((await openBrowser().visit(authorizeUrl)).status).toBe(302);
  expect(await visit(authorizeUrl)).toBe('invalid_token');
});

test('an identity belongs to one account, and an account has one of each provider', async () => {
  const [first, second] = [await newUser(), await newUser()];
  ground.facebook.person = newFacebookPerson();
  expect((await link(first)).status).toBe(200);
  expectRefused(await link(second), [409, 'identity_taken']);
  ground.facebook.person = newFacebookPerson();
  expectRefused(await link(first), [409, 'identity_taken']);
});

test('an account whose address was never proven is hung nothing onto, since its owner may still come', async () => {
  const user = await registerUser(ground.system.url, acme);
  expectRefused(await beginLink(user), [403, 'email_not_verified']);
});

test('unlinking ends the sessions that it opened, and never takes the last way in', async () => {
  ground.google.person = newGooglePerson();
  const first = await logIn(ground, acme, 'google');
  const token = first.body.accessToken;
  expectRefused(await ask('DELETE', token, '/google'), [409, 'last_login_method']);
  expectRefused(await ask('DELETE', token, '/facebook'), [404, 'not_found']);

  const user = await newUser();
  ground.google.person = newGooglePerson(user.email);
  const byGoogle = await logIn(ground, acme, 'google');
  expect(byGoogle.body.user.id).toBe(user.id);
  expect((await ask('DELETE', user.token, '/google')).status).toBe(204);
  expect((await ask('GET', byGoogle.body.accessToken, '')).status).toBe(401);
  expect((await ask('GET', user.token, '')).body.data).toEqual([]);
  expect(await mailsOf(ground, acme, user.id)).toEqual(['welcome', 'identity_changed', 'identity_changed']);
});

test('a login whose identity is unlinked while it is under way gets no session', async () => {
  ground.google.person = newGooglePerson();
  const { id } = (await logIn(ground, acme, 'google')).body.user;
  const { deps } = ground.system.api;
  const signerOf: typeof deps.tokens.signerOf = async (slug) => {
    // Between finding the account and opening the session.
    await inAcme('delete from %identities where user_id = $1', [id]);
    return deps.tokens.signerOf(slug);
  };
  const app = openRoutes({ ...deps, tokens: { ...deps.tokens, signerOf } });
  const first = await app.request(`/oauth/google?tenant=${acme.slug}`);
  const { location } = await openBrowser().visit(first.headers.get('location') ?? '');
  const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
  const page = await app.request(new URL(location).pathname + new URL(location).search, {
    headers: { cookie },
  });
  expect(page.status).toBe(400);
  expect(await page.json()).toMatchObject({ code: 'oauth_failed' });
});

test('platforms and strangers have no say, and the way back must be on the list', async () => {
  expectRefused(await ask('GET', acme.secretKey, ''), [403, 'forbidden']);
  expect((await call('GET', `${ground.system.url}/identities`)).status).toBe(401);
  const user = await newUser();
  const foreign = { redirectTo: 'https://evil.example/' };
  expectRefused(await ask('POST', user.token, '/google', foreign), [400, 'redirect_not_allowed']);
});
