// Logins that end at a platform: the code it gets, how it is redeemed, and what a stolen one is good for.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealTicket } from '#api/identity/oauth/tickets.ts';
import { call, type TestTenant } from '#tests/support/client.ts';
import { operatorToken } from '#tests/support/system.ts';
import { openBrowser, type Page } from './browser.ts';
import {
  begin,
  type Ground,
  newFacebookPerson,
  newGooglePerson,
  newPkce,
  openGround,
  type ProviderName,
  passProvider,
  platformUrl,
  rowsOf,
} from './ground.ts';

let ground: Ground;
let acme: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  ground = await openGround('oauth_redirect');
  [acme, other] = await Promise.all([ground.addTenant(), ground.addTenant()]);
});
afterAll(() => ground?.close());

/** A login with a redirect, up to the address of the platform that the browser is sent to. */
async function comeBack(provider: ProviderName = 'google', extra: Record<string, string> = {}) {
  const { codeVerifier, challenge } = newPkce();
  ground.google.person = newGooglePerson();
  ground.facebook.person = newFacebookPerson();
  const browser = openBrowser();
  const query = { tenant: acme.slug, redirect_to: platformUrl, code_challenge: challenge, ...extra };
  const page = await browser.visit(
    await passProvider(browser, await begin(ground, browser, provider, query)),
  );
  return { page, codeVerifier, code: new URL(page.location).searchParams.get('code') ?? '' };
}
const redeem = (code: string, codeVerifier: string, tenant?: string) =>
  call('POST', `${ground.system.url}/oauth/token`, { tenant, body: { code, codeVerifier } });
const expectDead = ({ status, body }: Pick<Page, 'status' | 'body'>) =>
  expect([status, body.code]).toEqual([400, 'invalid_token']);

describe.each(['google', 'facebook'] as const)('%s', (provider) => {
  test('the platform gets a code and its own state, and turns the code into a login with its verifier', async () => {
    const { page, code, codeVerifier } = await comeBack(provider, { state: 'a&b=c+d%20' });
    expect(page.status).toBe(303);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.location.startsWith(`${platformUrl}&code=oc_`)).toBe(true);
    expect(new URL(page.location).searchParams.get('state')).toBe('a&b=c+d%20');
    // The way back alone makes nobody: that is the redeemer's to do.
    const made = `select 1 from "tenant_${acme.slug}".identities where subject = $1`;
    const subject = provider === 'google' ? ground.google.person.sub : ground.facebook.person.id;
    expect(await rowsOf(ground, made, [subject])).toEqual([]);
    const answer = await redeem(code, codeVerifier);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toMatchObject({ user: { name: 'Ada Lovelace' }, tokenType: 'Bearer' });
    const profile = await call('GET', `${ground.system.url}/profile`, { token: answer.body.accessToken });
    expect(profile.body).toMatchObject({ id: answer.body.user.id, wallet: { balance: 0 } });
  });
});

test('the code works once, also for two that redeem it at the same time', async () => {
  const { code, codeVerifier } = await comeBack();
  const answers = await Promise.all([redeem(code, codeVerifier), redeem(code, codeVerifier)]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
  expectDead(await redeem(code, codeVerifier));
});

test('a wrong verifier is refused, and the code is dead', async () => {
  const { code, codeVerifier } = await comeBack();
  expectDead(await redeem(code, newPkce().codeVerifier));
  expectDead(await redeem(code, codeVerifier));
});

test('a code written in another way is still the same code', async () => {
  const { code, codeVerifier } = await comeBack();
  expect((await redeem(code, codeVerifier)).status).toBe(200);
  // Base64 leaves the last bits of its last character unread.
  const last = code.at(-1)!;
  for (const twin of ['A', 'B', 'C', 'D', 'Q', 'g', 'w', '_']) {
    if (twin !== last) expectDead(await redeem(`${code.slice(0, -1)}${twin}`, codeVerifier));
  }
});

test('a code of one tenant is none at another', async () => {
  const { code, codeVerifier } = await comeBack();
  const renamed = code.replace(`oc_${acme.slug}_`, `oc_${other.slug}_`);
  expectDead(await redeem(renamed, codeVerifier));
  expect((await redeem(code, codeVerifier, other.slug)).body.code).toBe('tenant_mismatch');
  expect((await redeem(code, codeVerifier, acme.slug)).status).toBe(200);
});

test('an old code, and what only looks like one, is refused', async () => {
  const { codeVerifier, challenge } = newPkce();
  const identity = { provider: 'google', subject: 'x', email: null, emailVerified: false, name: null };
  const seal = (seconds: number, purpose = `code/${acme.slug}`) =>
    sealTicket(ground.system.services.keyring, purpose, { identity, challenge, link: null }, seconds);
  expectDead(await redeem(`oc_${acme.slug}_${seal(-1)}`, codeVerifier));
  expectDead(await redeem(`oc_${acme.slug}_${seal(60, 'flow/google')}`, codeVerifier));
  expectDead(await redeem('oc_nobody_v1.x', codeVerifier));
  expectDead(await redeem('x', codeVerifier));
  expect((await redeem(`oc_${acme.slug}_${seal(60)}`, codeVerifier)).status).toBe(200);
});

test('who says no at the provider comes back with error=access_denied, and without a code', async () => {
  ground.google.lie = 'access denied';
  const { page, code } = await comeBack('google', { state: 'mine' });
  ground.google.lie = 'none';
  expect([page.status, code]).toEqual([303, '']);
  expect(page.location).toBe(`${platformUrl}&error=access_denied&state=mine`);
});

test('what the account refuses is said to the platform, not to the browser on its way', async () => {
  const { code, codeVerifier } = await comeBack();
  const { email } = (await redeem(code, codeVerifier)).body.user;
  const { codeVerifier: verifier, challenge } = newPkce();
  ground.facebook.person = newFacebookPerson(email);
  const browser = openBrowser();
  const query = { tenant: acme.slug, redirect_to: platformUrl, code_challenge: challenge };
  const back = await passProvider(browser, await begin(ground, browser, 'facebook', query));
  const { status, location } = await browser.visit(back);
  expect(status).toBe(303);
  const answer = await redeem(new URL(location).searchParams.get('code') ?? '', verifier);
  expect([answer.status, answer.body.code]).toEqual([409, 'link_required']);
});

describe('38', () => {
  const { challenge } = newPkce();
  const open = (redirectTo: string) =>
    begin(ground, openBrowser(), 'google', {
      tenant: acme.slug,
      redirect_to: redirectTo,
      code_challenge: challenge,
    });

  test.each([
    `${platformUrl}&more=1`,
    platformUrl.slice(0, -1),
    platformUrl.replace('platform', 'PLATFORM'),
    platformUrl.replace('https:', 'http:'),
    `${platformUrl}#x`,
    `${platformUrl} `,
    platformUrl.replace('/back', '/./back'),
    platformUrl.replace('example/', 'example@evil.example/'),
    'https://evil.example/',
    '//evil.example',
    '',
  ])('38 redirect_to %j is not on the list: 400, and nothing begins', async (redirectTo) => {
    const page = await open(redirectTo);
    expect([page.status, page.body.code]).toEqual([400, 'redirect_not_allowed']);
    expect(page.headers.getSetCookie()).toEqual([]);
  });

  test('38 our own page is allowed for its own tenant only', async () => {
    expect((await open(`${ground.system.url}/w/${acme.slug}`)).status).toBe(302);
    expect((await open(`${ground.system.url}/w/${other.slug}`)).body.code).toBe('redirect_not_allowed');
  });

  test('38 an address that was taken off the list meanwhile is not gone to any more', async () => {
    const tenant = await ground.addTenant();
    const browser = openBrowser();
    const query = { tenant: tenant.slug, redirect_to: platformUrl, code_challenge: challenge };
    const back = await passProvider(browser, await begin(ground, browser, 'google', query));
    const changed = await call('PATCH', `${ground.system.url}/operator/tenants/${tenant.slug}`, {
      token: operatorToken,
      body: { settings: { oauth: { redirects: [] } } },
    });
    expect(changed.status).toBe(200);
    expect((await browser.visit(back)).body.code).toBe('redirect_not_allowed');
  });

  test('a redirect needs PKCE, by S256', async () => {
    const query = { tenant: acme.slug, redirect_to: platformUrl };
    expect((await begin(ground, openBrowser(), 'google', query)).status).toBe(422);
    const plain = { ...query, code_challenge: challenge, code_challenge_method: 'plain' };
    expect((await begin(ground, openBrowser(), 'google', plain)).status).toBe(422);
  });
});
