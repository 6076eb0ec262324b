// Another address for an account: nothing is true before whoever reads the mail says so.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, registerUser, type TestTenant, type TestUser } from '#tests/support/client.ts';
import type { ReceivedMail } from '#tests/support/smtp.ts';
import { linkOf, type MailFlow, newPassword, oldPassword, openMailFlow, visible } from './mail-flow.ts';

let flow: MailFlow;
let acme: TestTenant;
let other: TestTenant;

beforeAll(async () => {
  flow = await openMailFlow('change_email');
  acme = await flow.addTenant();
  other = await flow.addTenant();
});
afterAll(() => flow?.close());

let counter = 0;
const freeAddress = () => {
  counter += 1;
  return `new${counter}@example.com`;
};
const subject = /confirm your new address/;
const ask = (user: { token: string }, email: string): Promise<Answer> =>
  flow.post('/email/change', {
    token: user.token,
    body: { email },
    headers: { 'x-request-id': 'the-same' },
  });
const confirm = (token: string, tenant?: TestTenant) =>
  flow.post('/email/change/confirm', { tenant: tenant?.slug, body: { token } });
const tokenIn = (mails: ReceivedMail[]) => linkOf(mails.at(-1) as ReceivedMail).token;

async function tokenFor(user: TestUser, address: string): Promise<string> {
  expect((await ask(user, address)).status).toBe(202);
  return tokenIn(await flow.mailsTo(address, subject));
}
const addressOf = async ({ id }: TestUser) =>
  (await flow.rows(`select email from "tenant_${acme.slug}".users where id = $1`, [id]))[0].email;

describe('another address', () => {
  test('is the account’s once its mail was confirmed; the old one is told, other sessions end', async () => {
    const user = await registerUser(flow.url, acme);
    const elsewhere = (await flow.logIn(acme, user.email, oldPassword)).body;
    const reset = await flow.post('/password/forgot', { tenant: acme.slug, body: { email: user.email } });
    expect(reset.status).toBe(202);
    const resetToken = tokenIn(await flow.mailsTo(user.email, /new password/));
    const address = freeAddress();
    const token = await tokenFor(user, address);
    expect(await addressOf(user)).toBe(user.email);
    const done = await confirm(token);
    expect([done.status, done.body]).toEqual([204, '']);
    const profile = await flow.get('/profile', { token: user.token });
    expect(profile.body).toMatchObject({ email: address, emailVerified: true });
    expect(await flow.status({ token: elsewhere.accessToken })).toBe(401);
    expect((await flow.logIn(acme, user.email, oldPassword)).status).toBe(401);
    expect((await flow.logIn(acme, address, oldPassword)).status).toBe(200);
    const [told] = await flow.mailsTo(user.email, /Your address at .* was changed/);
    expect(told?.source).not.toContain(address);
    // What went to the old address opens nothing any more.
    const late = await flow.post('/password/reset', { body: { token: resetToken, password: newPassword } });
    expect(late.body.code).toBe('invalid_token');
    const open = await flow.rows(
      `select 1 from "tenant_${acme.slug}".mail_tokens where user_id = $1 and used_at is null`,
      [user.id],
    );
    expect(open).toEqual([]);
    const audit = await flow.rows('select action, detail::text from coinlane.audit where target = $1', [
      user.id,
    ]);
    expect(audit).toContainEqual({ action: 'user.email_change', detail: '{}' });
    const jobs = await flow.rows(`select data::text from pgboss.job where data->'job'->>'userId' = $1`, [
      user.id,
    ]);
    expect(jobs.map((row) => row.data).join()).not.toMatch(/@/);
  });

  test('that somebody has is answered alike; the owner is told and the asker gets no link', async () => {
    const user = await registerUser(flow.url, acme);
    const owner = await registerUser(flow.url, acme);
    const free = await ask(user, freeAddress());
    expect([free.status, free.body]).toEqual([202, { status: 'accepted' }]);
    for (const address of [owner.email, user.email, owner.email.toUpperCase()]) {
      expect(visible(await ask(user, address))).toEqual(visible(free));
    }
    const [mail] = await flow.mailsTo(owner.email, /You have an account/);
    expect(mail?.text).toContain('move another account to this address');
    expect(mail?.source).not.toMatch(/https?:\/\//);
    await flow.settled();
    expect(flow.mailCount(owner.email, subject)).toBe(0);
    expect(flow.mailCount(user.email, /./)).toBe(1);
  });

  test('that somebody took meanwhile is refused, and nothing is changed', async () => {
    const user = await registerUser(flow.url, acme);
    const address = freeAddress();
    const token = await tokenFor(user, address);
    await flow.post('/register', { tenant: acme.slug, body: { email: address, password: oldPassword } });
    const late = await confirm(token);
    expect([late.status, late.body.code]).toEqual([400, 'invalid_token']);
    expect(await addressOf(user)).toBe(user.email);
    expect(await flow.status(user)).toBe(200);
  });

  test('asked for by two accounts goes to the first that confirms, also at the same moment', async () => {
    const address = freeAddress();
    const users = [await registerUser(flow.url, acme), await registerUser(flow.url, acme)];
    const tokens: string[] = [];
    for (const [index, user] of users.entries()) {
      await ask(user, address);
      tokens.push(tokenIn(await flow.mailsTo(address, subject, index + 1)));
    }
    const answers = await Promise.all(tokens.map((token) => confirm(token)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 400]);
    const addresses = await Promise.all(users.map(addressOf));
    expect(addresses.filter((each) => each === address)).toHaveLength(1);
  });

  test('21 is confirmed once, by the newest token, of the right tenant', async () => {
    const user = await registerUser(flow.url, acme);
    const first = await tokenFor(user, freeAddress());
    const second = await tokenFor(user, freeAddress());
    expect((await confirm(first)).body.code).toBe('invalid_token');
    const foreign = await confirm(second, other);
    expect(visible(foreign)).toEqual(visible(await confirm(`vt_${other.slug}_${'A'.repeat(43)}`, other)));
    const answers = await Promise.all([1, 2, 3].map(() => confirm(second)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 400, 400]);
  });

  test('needs a fresh login, an access token, and an address', async () => {
    const user = await registerUser(flow.url, acme);
    for (const body of [{}, { email: 'x' }, { email: 'a@example.com', password: 'x' }]) {
      const answer = await flow.post('/email/change', { token: user.token, body });
      expect([answer.status, answer.body.code]).toEqual([422, 'invalid_input']);
    }
    expect((await ask({ token: acme.secretKey }, freeAddress())).body.code).toBe('forbidden');
    expect((await ask({ token: 'x' }, freeAddress())).status).toBe(401);
    await flow.rows(
      `update "tenant_${acme.slug}".sessions set authenticated_at = now() - interval '1 hour' where user_id = $1`,
      [user.id],
    );
    const stale = await ask(user, freeAddress());
    expect([stale.status, stale.body.code]).toEqual([403, 'fresh_login_required']);
  });

  test('that a thief asked for is off once the owner ends that session, or sets a new password', async () => {
    const ends: ((thief: TestUser, owner: TestUser) => Promise<unknown>)[] = [
      (_thief, owner) => call('DELETE', `${flow.url}/sessions`, { token: owner.token }),
      (_thief, owner) =>
        flow.post('/password/change', {
          token: owner.token,
          body: { currentPassword: oldPassword, newPassword },
        }),
    ];
    for (const end of ends) {
      const owner = await registerUser(flow.url, acme);
      const session = (await flow.logIn(acme, owner.email, oldPassword)).body;
      const thief = { ...owner, token: session.accessToken };
      const token = await tokenFor(thief, freeAddress());
      await end(thief, owner);
      expect((await confirm(token)).body.code).toBe('invalid_token');
      expect(await addressOf(owner)).toBe(owner.email);
    }
    // Whoever only logs out, and then reads the mail, is no thief.
    const user = await registerUser(flow.url, acme);
    const token = await tokenFor(user, freeAddress());
    await flow.post('/logout', { token: user.token });
    expect((await confirm(token)).status).toBe(204);
  });

  test('26 is asked for so often and no more, whatever the address', async () => {
    const tight = await flow.addTenant({ limits: { mailPerAccount: { count: 2, seconds: 3600 } } });
    const user = await registerUser(flow.url, tight);
    const answers = [];
    for (const address of [1, 2, 3, 4].map(() => freeAddress()))
      answers.push(visible(await ask(user, address)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    await flow.settled();
    const sent = await flow.rows(
      `select 1 from coinlane.mails where template = 'change_email' and tenant = $1`,
      [tight.slug],
    );
    expect(sent).toHaveLength(2);
  });

  test('20 the page shows the new address and changes nothing until its button is pressed', async () => {
    const user = await registerUser(flow.url, acme);
    const address = freeAddress();
    const token = await tokenFor(user, address);
    const path = `/change-email?token=${token}`;
    await flow.get(path);
    const page = await flow.get(path);
    expect(page.status).toBe(200);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.body).toContain(`<strong>${address}</strong>`);
    expect(page.body).not.toContain('<script');
    expect(await addressOf(user)).toBe(user.email);
    expect((await flow.press('/change-email', { token })).body).toContain('Your address is changed');
    expect(await addressOf(user)).toBe(address);
    for (const dead of [
      await flow.get(path),
      await flow.press('/change-email', { token }),
      await flow.get('/change-email'),
    ]) {
      expect(dead.status).toBe(400);
      expect(dead.body).toContain('This link does not work');
    }
  });
});
