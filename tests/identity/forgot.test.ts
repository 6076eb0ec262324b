// Whoever asks for a mail to an address learns nothing of who has an account, and cannot ask too often.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerUser, type TestTenant } from '#tests/support/client.ts';
import type { ReceivedMail } from '#tests/support/smtp.ts';
import { linkOf, type MailFlow, oldPassword, openMailFlow, visible } from './mail-flow.ts';

let flow: MailFlow;
let acme: TestTenant;

beforeAll(async () => {
  flow = await openMailFlow('forgot');
  acme = await flow.addTenant();
});
afterAll(() => flow?.close());

const subject = /Choose a new password/;
const forgot = (email: string, tenant = acme) =>
  flow.post('/password/forgot', {
    tenant: tenant.slug,
    body: { email },
    headers: { 'x-request-id': 'the-same' },
  });
const tokenIn = (mails: ReceivedMail[]) => linkOf(mails.at(-1) as ReceivedMail).token;

describe('asking for a new password', () => {
  test('8 forgot: an unknown, banned or erased address gets the same answer, and no mail', async () => {
    const { email } = await registerUser(flow.url, acme);
    const banned = await registerUser(flow.url, acme);
    await flow.rows(`update "tenant_${acme.slug}".users set status = 'banned' where id = $1`, [banned.id]);
    const first = await forgot(email);
    expect([first.status, first.body]).toEqual([202, { status: 'accepted' }]);
    expect(first.headers.get('cache-control')).toBe('no-store');
    expect(first.headers.has('ratelimit')).toBe(false);
    // Otherwise the second mail to this user may take its place.
    await flow.settled();
    for (const address of ['nobody@example.com', banned.email, email.toUpperCase()]) {
      expect(visible(await forgot(address))).toEqual(visible(first));
    }
    await flow.settled();
    expect(flow.mailCount(email, subject)).toBe(2);
    expect(flow.smtp.mails.flatMap((mail) => mail.recipients)).not.toContain('nobody@example.com');
    expect(flow.mailCount(banned.email, subject)).toBe(0);
    const skipped = await flow.rows(`select 1 from coinlane.mails where status = 'skipped' and tenant = $1`, [
      acme.slug,
    ]);
    expect(skipped).toHaveLength(2);
  });

  test('8 forgot: the request does the same for every address, and no number tells what came of it', async () => {
    const { email } = await registerUser(flow.url, acme);
    const numbers = async () => (await flow.get('/metrics')).body.match(/^coinlane_mails_total.*$/gm);
    const asked = async (address: string) => {
      const before = await flow.rows('select id from pgboss.job');
      await forgot(address);
      const known = before.map((row) => row.id);
      return flow.rows('select data from pgboss.job where not id = any($1::uuid[])', [known]);
    };
    const jobs = [...(await asked(email)), ...(await asked('nobody@example.com'))];
    expect(jobs).toHaveLength(2);
    for (const { data } of jobs) {
      expect(data.job).toEqual({
        tenant: acme.slug,
        cause: expect.stringMatching(/^reset_password:/),
        template: 'reset_password',
        userId: null,
        data: { askedAt: expect.any(String), sealedTo: expect.stringMatching(/^v1\./) },
      });
    }
    await flow.settled();
    const told = (await numbers()).filter((line: string) => line.includes('reset_password'));
    expect(told).toEqual([expect.stringMatching(/result="handled"/)]);
  });

  test('25 a forged Host or X-Forwarded-Host never reaches a mail', async () => {
    const user = await registerUser(flow.url, acme);
    const headers = {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
      origin: 'https://evil.example',
    };
    await flow.api.app.request('http://evil.example/password/forgot', {
      method: 'POST',
      headers: {
        ...headers,
        host: 'evil.example',
        'x-tenant': acme.slug,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ email: user.email }),
    });
    const [mail] = await flow.mailsTo(user.email, subject);
    expect(mail?.source).not.toContain('evil');
    expect(linkOf(mail as NonNullable<typeof mail>).page).toBe('/reset-password');
  });

  test('26 requests for one victim are capped, and the answers stay alike', async () => {
    const strict = await flow.addTenant({ limits: { mailPerAccount: { count: 3, seconds: 3600 } } });
    const { email } = await registerUser(flow.url, strict);
    const answers = [];
    for (let index = 0; index < 12; index += 1) {
      answers.push(visible(await forgot(email, strict)));
      // Otherwise the next mail may take its place.
      await flow.settled();
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(flow.mailCount(email, subject)).toBe(3);
  });

  test('needs a tenant and an address', async () => {
    expect((await flow.post('/password/forgot', { body: { email: 'a@example.com' } })).body.code).toBe(
      'tenant_required',
    );
    for (const body of [{}, { email: 'x' }, { email: 'a@example.com', userId: 'x' }]) {
      const answer = await flow.post('/password/forgot', { tenant: acme.slug, body });
      expect([answer.status, answer.body.code]).toEqual([422, 'invalid_input']);
    }
  });
});

describe('the verification mail again', () => {
  const again = /^Please confirm your address/;
  const verify = (token: string) => flow.post('/email/verify', { body: { token } });

  test('goes to the user’s address, and only its link works', async () => {
    const user = await registerUser(flow.url, acme);
    const welcome = tokenIn(await flow.mailsTo(user.email, /^Welcome/));
    const answer = await flow.post('/email/verification', { token: user.token });
    expect([answer.status, answer.body]).toEqual([202, { status: 'accepted' }]);
    const token = tokenIn(await flow.mailsTo(user.email, again));
    expect((await verify(welcome)).body.code).toBe('invalid_token');
    expect((await verify(token)).status).toBe(204);
    // Verified by now: the answer stays, and no mail leaves.
    expect((await flow.post('/email/verification', { token: user.token })).status).toBe(202);
    await flow.settled();
    expect(flow.mailCount(user.email, again)).toBe(1);
  });

  test('8 goes to an address, too, and the answer is the same for one without an account', async () => {
    const strict = await flow.addTenant({ requireVerifiedEmail: true });
    const email = 'new@example.com';
    await flow.post('/register', { tenant: strict.slug, body: { email, password: oldPassword } });
    const send = (address: string) =>
      flow.post('/email/verification', {
        tenant: strict.slug,
        body: { email: address },
        headers: { 'x-request-id': 'the-same' },
      });
    const known = await send(email);
    expect(known.status).toBe(202);
    expect(visible(await send('nobody@example.com'))).toEqual(visible(known));
    expect((await verify(tokenIn(await flow.mailsTo(email, again)))).status).toBe(204);
    expect((await flow.logIn(strict, email, oldPassword)).status).toBe(200);
    for (let index = 0; index < 8; index += 1)
      expect(visible(await send('n@example.com'))).toEqual(visible(known));
    const jobs = await flow.rows(`select 1 from pgboss.job where data->'job'->>'tenant' = $1`, [strict.slug]);
    // The welcome mail, two of above, and no more than five to one address.
    expect(jobs).toHaveLength(8);
  });

  test('needs to know for whom, from one place', async () => {
    const user = await registerUser(flow.url, acme);
    const faults: [Parameters<typeof flow.post>[1], string][] = [
      [{}, 'tenant_required'],
      [{ tenant: acme.slug }, 'invalid_input'],
      [{ token: user.token, body: { email: user.email } }, 'invalid_input'],
      [{ token: acme.secretKey }, 'forbidden'],
      [{ token: 'x', tenant: acme.slug, body: { email: user.email } }, 'unauthenticated'],
    ];
    for (const [options, code] of faults) {
      expect((await flow.post('/email/verification', options)).body.code).toBe(code);
    }
  });
});
