// Lines 9 and 39 to 41: whose account a login at a provider leads into.
import { openBrowser } from './browser.ts';
import type { Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import { noLoginLimits } from './guessing.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';
import { compareLogins } from './login-times.ts';
import {
  facebookOf,
  googleOf,
  newOauthTenant,
  newPerson,
  passProvider,
  platformUrl,
  providerLogin,
} from './oauth-ground.ts';

async function accountWithoutPassword(ground: Ground): Promise<string> {
  const google = await googleOf(ground);
  const tenant = await newOauthTenant(ground);
  const limited = await ground.operator('PATCH', `/operator/tenants/${tenant.slug}`, {
    settings: noLoginLimits,
  });
  expectAnswer('the limits of this tenant', limited, 200);
  const email = newEmail('google-only');
  google.person = newPerson(email);
  expectAnswer('a login by Google', await providerLogin(ground, tenant), 200);
  return compareLogins(ground, tenant, [email, newEmail('nobody')]);
}

async function squattedAddress(ground: Ground): Promise<string> {
  const google = await googleOf(ground);
  const tenant = await newOauthTenant(ground);
  const attacker = await ground.newUser(tenant);
  const { email, password } = attacker;
  google.person = newPerson(email);
  const owner = await providerLogin(ground, tenant);
  expectAnswer("the address's owner comes by Google", owner, 200);
  expectAnswer(
    "the attacker's password",
    await ground.login(tenant, { email, password }),
    '401 invalid_credentials',
  );
  expectAnswer("the attacker's session", await ground.spend(attacker.token, { amount: 1 }), '401');
  expectAnswer("the attacker's refresh token", await ground.refresh(attacker.refreshToken), '401');
  const profile = await ground.profile(owner.body.accessToken);
  expectSame("the owner's profile", [profile.body.email, profile.body.emailVerified], [email, true]);
  return 'password and sessions of whoever was there first are gone';
}

async function unprovenLink(ground: Ground): Promise<string> {
  const facebook = await facebookOf(ground);
  const tenant = await newOauthTenant(ground);
  const user = await ground.newUser(tenant);
  facebook.person = { id: `fb-${newEmail()}`, name: 'Ada', email: user.email };
  const silent = await providerLogin(ground, tenant, 'facebook');
  expectAnswer('a login by Facebook with the address of an account', silent, '409 link_required');
  const begin = (as: string) =>
    ground.send('POST', '/identities/facebook', { as, body: { redirectTo: platformUrl } });
  await ground.part('mails', async () => {
    const mail = await ground.mail(user.email, 'the welcome', ({ text }) =>
      text.includes('verify-email?token='),
    );
    const token = decodeURIComponent(/verify-email\?token=([\w%.~-]+)/.exec(mail.text)?.[1] ?? '');
    expectAnswer(
      'the address is proven',
      await ground.send('POST', '/email/verify', { body: { token } }),
      204,
    );
    expectAnswer(
      'still not linked by itself',
      await providerLogin(ground, tenant, 'facebook'),
      '409 link_required',
    );
    const begun = await begin(user.token);
    expectAnswer('a link after a fresh login', begun, 201);
    const browser = openBrowser(ground);
    const back = await passProvider(ground, await browser.visit(begun.body.authorizeUrl));
    const left = await browser.visit(back.href);
    expectAnswer('back at the platform', left, 303);
    const code = new URL(left.headers.location ?? '').searchParams.get('code');
    const thief = await ground.newUser(tenant);
    const put = (as: string) => ground.send('PUT', '/identities/facebook', { as, body: { code } });
    await ground.part('database', async () => {
      const { slug } = tenant;
      const session = JSON.parse(Buffer.from(thief.token.split('.')[1] ?? '', 'base64url').toString());
      await ground.database.ageSession(slug, session.sid, 660);
      expectAnswer(
        'a link eleven minutes after the login',
        await begin(thief.token),
        '403 fresh_login_required',
      );
    });
    expectAnswer('the code in the session that began', await put(user.token), 200);
    expectAnswer('the code once more, by somebody else', await put(thief.token), '400 invalid_token');
    const linked = await providerLogin(ground, tenant, 'facebook');
    expectAnswer('a login by Facebook once it is linked', linked, 200);
    expectSame('whose account it opens', linked.body.user.id, user.id);
  });
  return 'never by the address; explicitly, after a fresh login, it is linked';
}

async function changedMail(ground: Ground): Promise<string> {
  const google = await googleOf(ground);
  const tenant = await newOauthTenant(ground);
  const local = await ground.newUser(tenant);
  const first = newPerson();
  google.person = first;
  const made = await providerLogin(ground, tenant);
  expectAnswer('a first login', made, 200);
  for (const email of [newEmail('renamed'), local.email]) {
    google.person = { ...first, email };
    const again = await providerLogin(ground, tenant);
    expectAnswer('the same subject with another address', again, 200);
    expectSame('its account', again.body.user.id, made.body.user.id);
  }
  google.person = newPerson(first.email);
  const heir = await providerLogin(ground, tenant);
  expectThat(
    'another subject with the old address',
    heir.body.user?.id !== made.body.user.id,
    'not the same account',
    heir.status,
  );
  const login = await ground.login(tenant, { email: local.email, password: local.password });
  expectAnswer('the account that has the address here', login, 200);
  const squatter = await ground.login(tenant, { email: local.email, password: newPassword() });
  expectAnswer('and no other password', squatter, 401);
  return 'provider and subject are the identity; the address is none';
}

export const oauthAccountLines: Attack[] = [
  {
    number: 9,
    title: 'guessing at an account without a password',
    needs: ['provider'],
    run: accountWithoutPassword,
  },
  {
    number: 39,
    title: "an account opened with somebody else's address",
    needs: ['provider'],
    run: squattedAddress,
  },
  { number: 40, title: 'an address at Facebook that an account has', needs: ['facebook'], run: unprovenLink },
  { number: 41, title: 'an address that changed at the provider', needs: ['provider'], run: changedMail },
];
