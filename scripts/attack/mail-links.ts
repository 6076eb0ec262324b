// Lines 20 to 24: links in mails that scanners open, thieves replay and resets leave behind.
import { randomUUID } from 'node:crypto';
import { TOTP } from 'otpauth';
import type { AttackTenant, AttackUser, Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import type { SendOptions } from './http.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';
import { expectAlike } from './login-times.ts';

type LinkPage = 'verify-email' | 'reset-password' | 'change-email';

export const linkOf = (page: LinkPage, text: string) =>
  new RegExp(`https?://[^\\s"<]*/${page}\\?token=[\\w%.~-]+`).exec(text)?.[0];
const tokenOf = (link: string) => new URL(link).searchParams.get('token') ?? '';

/** Waits for a mail with a link of this kind that was not seen before. @returns the whole link */
export async function link(
  ground: Ground,
  email: string,
  page: LinkPage,
  seen: string[] = [],
): Promise<string> {
  const isNew = (text: string) => {
    const found = linkOf(page, text);
    return found !== undefined && !seen.includes(found);
  };
  const mail = await ground.mail(email, `a link to /${page}`, ({ text }) => isNew(text));
  return linkOf(page, mail.text) ?? '';
}

export const forgot = (ground: Ground, { slug }: AttackTenant, email: string, options: SendOptions = {}) =>
  ground.send('POST', '/password/forgot', { tenant: slug, body: { email }, ...options });

const reset = (ground: Ground, token: string, password: string, options: SendOptions = {}) =>
  ground.send('POST', '/password/reset', { body: { token, password }, ...options });

export async function askForReset(ground: Ground, tenant: AttackTenant, email: string, seen: string[] = []) {
  expectAnswer('asking for a reset', await forgot(ground, tenant, email), 202);
  return link(ground, email, 'reset-password', seen);
}

/** What scanners, previews and prefetching browsers do with a link. */
async function scan(ground: Ground, address: string): Promise<void> {
  const { pathname, search } = new URL(address);
  for (const method of ['HEAD', 'GET', 'GET', 'OPTIONS']) {
    const answer = await ground.send(method, pathname + search, {
      headers: { 'user-agent': 'Mozilla/5.0 (compatible; MailScanner/1.0)', purpose: 'prefetch' },
    });
    expectThat(`${method} on the link`, answer.status < 500, 'no fault', answer.status);
    if (method === 'GET')
      expectThat('the page', !/<script/i.test(answer.text), 'without scripts', 'a script');
  }
}

const form = (fields: Record<string, string>): SendOptions => ({
  body: new URLSearchParams(fields).toString(),
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
});

async function scannedLinks(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const user = await ground.newUser(tenant);
  const verify = await link(ground, user.email, 'verify-email');
  await scan(ground, verify);
  expectSame('verified by looking', (await ground.profile(user.token)).body.emailVerified, false);
  const pressed = await ground.send('POST', '/verify-email', form({ token: tokenOf(verify) }));
  expectAnswer('the button of the page', pressed, 200);
  expectSame('verified by the button', (await ground.profile(user.token)).body.emailVerified, true);

  const change = newEmail('changed');
  const asked = await ground.send('POST', '/email/change', { as: user.token, body: { email: change } });
  expectAnswer('asking for another address', asked, 202);
  const confirm = await link(ground, change, 'change-email');
  await scan(ground, confirm);
  expectSame('the address after looking', (await ground.profile(user.token)).body.email, user.email);
  const confirmed = await ground.send('POST', '/change-email', form({ token: tokenOf(confirm) }));
  expectAnswer('the button of the page', confirmed, 200);
  const login = { email: change, password: user.password };
  expectAnswer('a login with the new address', await ground.login(tenant, login), 200);

  const resetLink = await askForReset(ground, tenant, change);
  await scan(ground, resetLink);
  expectAnswer('the old password after looking', await ground.login(tenant, login), 200);
  const password = newPassword();
  const set = await ground.send('POST', '/reset-password', form({ token: tokenOf(resetLink), password }));
  expectAnswer('the form of the page', set, 200);
  expectAnswer('the new password', await ground.login(tenant, { email: change, password }), 200);
  return 'verification, change of address, reset: looking changes nothing, the button does';
}

async function spentTwice(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const { email } = await ground.newUser(tenant);
  const first = await askForReset(ground, tenant, email);
  const passwords = Array.from({ length: 5 }, newPassword);
  const answers = await Promise.all(passwords.map((password) => reset(ground, tokenOf(first), password)));
  for (const answer of answers) expectAnswer('one of five resets at once', answer, 204, '400 invalid_token');
  const winners = passwords.filter((_password, index) => answers[index]?.status === 204);
  expectSame('resets that won', winners.length, 1);
  for (const password of passwords) {
    const login = await ground.login(tenant, { email, password });
    expectAnswer('its password', login, winners.includes(password) ? '200' : '401 invalid_credentials');
  }
  expectAnswer('once more, later', await reset(ground, tokenOf(first), newPassword()), '400 invalid_token');
  return 'of five at once one wins, and its password counts';
}

async function foreignToken(ground: Ground): Promise<string> {
  const [ours, theirs] = [await ground.plainTenant(0), await ground.plainTenant(1)];
  const { email } = await ground.newUser(ours);
  const token = tokenOf(await askForReset(ground, ours, email));
  const password = newPassword();
  const tries: [string, string][] = [
    ['a token of another tenant', token],
    ['a token with the tenant in it rewritten', token.replace(ours.slug, theirs.slug)],
  ];
  for (const [what, each] of tries) {
    const options = { tenant: theirs.slug, headers: { 'x-request-id': randomUUID() } };
    const foreign = await reset(ground, each, password, options);
    const invalid = await reset(ground, `${each.slice(0, -6)}AAAAAA`, password, options);
    const nothing = await reset(ground, 'nothing-like-a-token', password, options);
    expectAnswer(what, foreign, '400 invalid_token');
    expectAlike(`${what}, and one that is invalid`, foreign, invalid);
    expectAlike(`${what}, and one that is none`, foreign, nothing);
    const verify = await ground.send('POST', '/email/verify', { ...options, body: { token: each } });
    expectAnswer(`${what} at another route`, verify, '400 invalid_token');
  }
  expectAnswer('the token at home after all of it', await reset(ground, token, password), 204);
  return 'the same bytes as for a token that is none; at home it still works';
}

/** Sets up an authenticator app. @returns codes of steps that were not used yet */
async function addTotp(ground: Ground, user: AttackUser): Promise<() => string> {
  const begun = await ground.send('POST', '/second-factor/totp', { as: user.token, body: {} });
  expectAnswer('setting up an authenticator app', begun, 200, 201);
  const totp = new TOTP({ secret: begun.body.secret });
  const confirm = { code: totp.generate() };
  const confirmed = await ground.send('POST', '/second-factor/totp/confirm', {
    as: user.token,
    body: confirm,
  });
  expectAnswer('confirming it', confirmed, 200, 201, 204);
  return () => totp.generate({ timestamp: Date.now() + 30_000 });
}

async function afterReset(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const user = await ground.newUser(tenant);
  const { email } = user;
  const other = (await ground.login(tenant, { email, password: user.password })).body;
  const nextCode = await addTotp(ground, user);
  const password = newPassword();
  const token = tokenOf(await askForReset(ground, tenant, email));
  expectAnswer('the reset', await reset(ground, token, password), 204);
  for (const session of [user, { token: other.accessToken, refreshToken: other.refreshToken }]) {
    expectAnswer('a session from before', await ground.spend(session.token, { amount: 1 }), '401');
    expectAnswer('its refresh token', await ground.refresh(session.refreshToken), '401');
  }
  const old = await ground.login(tenant, { email, password: user.password });
  expectAnswer('the old password', old, '401 invalid_credentials');
  const login = await ground.login(tenant, { email, password });
  expectAnswer('the new password alone', login, '401 second_factor_required');
  const proof = { challenge: login.body.challenge, code: nextCode() };
  const whole = await ground.send('POST', '/login/second-factor', { body: proof, tenant: tenant.slug });
  expectAnswer('with the code of the app', whole, 200);
  await ground.mail(email, 'a notice of the new password', ({ text, subject }) => {
    return /password/i.test(subject + text) && !text.includes('reset-password?token=');
  });
  return 'both sessions are over, the owner is told, the second factor is still asked for';
}

async function newestWins(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const { email } = await ground.newUser(tenant);
  const first = await askForReset(ground, tenant, email);
  const second = await askForReset(ground, tenant, email, [first]);
  expectAnswer('the older token', await reset(ground, tokenOf(first), newPassword()), '400 invalid_token');
  await ground.part('database', async () => {
    for (const address of [first, second]) {
      // Of its random part: an underscore there is no border, and what follows one may be as short as a letter.
      const secret = tokenOf(address).slice(-32);
      expectSame('rows that hold a token', await ground.database.rowsHolding(tenant.slug, secret), []);
    }
  });
  expectAnswer('the newer token', await reset(ground, tokenOf(second), newPassword()), 204);
  return 'the older one is dead; stored is a hash';
}

export const mailLines: Attack[] = [
  { number: 20, title: 'a mail scanner that opens every link', needs: ['mails'], run: scannedLinks },
  { number: 21, title: 'a reset token twice, and five times at once', needs: ['mails'], run: spentTwice },
  { number: 22, title: 'a mail token of one tenant at another', needs: ['mails'], run: foreignToken },
  { number: 23, title: 'what survives a password reset', needs: ['mails'], run: afterReset },
  { number: 24, title: 'an older reset token', needs: ['mails'], run: newestWins },
];
