// The mail catcher: mails sent over SMTP can be read in a browser and by a script, and can do no harm there.
import { Hono } from 'hono';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '#shared/runtime/log.ts';
import { createMailer, type Mailer } from '#workers/mail/mailer.ts';
import { type MailCatcher, startMailCatcher } from '../../scripts/embedded/mail-catcher.ts';

const log = createLog('silent', 'tests');
const app = () => new Hono().route('/operator/mail', catcher.routes);
let catcher: MailCatcher;
let mailer: Mailer;

beforeEach(async () => {
  catcher = await startMailCatcher({ log });
  mailer = createMailer({ SMTP_URL: catcher.smtpUrl, MAIL_FROM: undefined }, log);
});

afterEach(async () => {
  await mailer.close();
  await catcher.close();
});

const send = (changes: { subject?: string; text?: string; html?: string } = {}) =>
  mailer.send({
    to: 'ann@users.example',
    subject: 'Your receipt',
    text: 'See https://coins.example/verify-email?token=abc now',
    html: '<!doctype html><html><head><title>x</title></head><body><p>Hello</p></body></html>',
    messageKey: 'key',
    ...changes,
  });

const get = async (path: string) => {
  const answer = await app().request(`/operator/mail${path}`);
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
};

test('before the first mail the page says how one gets there', async () => {
  const { status, body } = await get('');
  expect(status).toBe(200);
  expect(body).toContain('Nothing has come in yet.');
  expect(body).toContain('when somebody registers, buys');
});

test('the list leads to every mail, the newest first', async () => {
  await send({ subject: 'first' });
  await send({ subject: 'second' });
  const { body } = await get('');
  expect(body).toContain('href="/operator/mail/mails/1"');
  expect(body.indexOf('>second<')).toBeLessThan(body.indexOf('>first<'));
});

test('a mail shows its HTML in a locked frame, its text with links, and its headers', async () => {
  await send();
  const { body, headers } = await get('/mails/1');
  expect(body).toContain('src="/operator/mail/mails/1/body"');
  expect(body).toContain('sandbox="allow-popups allow-popups-to-escape-sandbox"');
  expect(body).toContain('<a href="https://coins.example/verify-email?token=abc" target="_blank"');
  expect(body).toContain('Message-ID');
  expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  const frame = await get('/mails/1/body');
  expect(frame.body).toContain('<p>Hello</p>');
  expect(frame.body).toContain('<head><base target="_blank">');
  expect(frame.headers.get('content-security-policy')).toMatch(/^sandbox allow-popups .*default-src 'none'/);
});

test('a mail cannot put its own markup into the pages', async () => {
  const hostile = '"><script>alert(1)</script>';
  await send({ subject: hostile, text: hostile, html: hostile });
  for (const path of ['', '/mails/1']) expect((await get(path)).body).not.toContain('<script');
});

test('scripts read the same as JSON', async () => {
  await send();
  const list = JSON.parse((await get('/mails.json')).body);
  expect(list.data).toMatchObject([{ number: 1, to: ['ann@users.example'], subject: 'Your receipt' }]);
  const mail = JSON.parse((await get('/mails/1.json')).body);
  expect(mail).toMatchObject({
    from: 'Coinlane <no-reply@localhost>',
    text: expect.stringContaining('token=abc'),
  });
  expect(mail.html).toContain('Hello');
  expect(mail.headers).toContainEqual(['Message-ID', '<key@localhost>']);
});

test('what is not there is a 404', async () => {
  for (const path of ['/mails/7', '/mails/7/body', '/mails/7.json'])
    expect((await get(path)).status).toBe(404);
});

test('only the last 200 mails are kept', async () => {
  for (let count = 0; count < 201; count += 20) {
    await Promise.all(Array.from({ length: Math.min(20, 201 - count) }, () => send()));
  }
  const { data } = JSON.parse((await get('/mails.json')).body);
  expect(data).toHaveLength(200);
  expect(data[0].number).toBe(201);
  expect((await get('/mails/1')).status).toBe(404);
});

test('a mail that is too large is refused for good', async () => {
  await expect(send({ text: 'x'.repeat(6 * 1024 * 1024) })).rejects.toThrow();
  expect(JSON.parse((await get('/mails.json')).body).data).toHaveLength(0);
});
