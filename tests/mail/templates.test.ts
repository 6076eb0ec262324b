// What readers get: every template as it arrives over SMTP, in text and in HTML.
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addOperation,
  addTenant,
  addUser,
  emailJob,
  type MailGround,
  openMailGround,
} from '#tests/support/mail-ground.ts';
import { type ReceivedMail, startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { processEmail } from '#workers/email.ts';

let smtp: TestSmtp;
let ground: MailGround;
let tenant: string;
let userId: string;

beforeAll(async () => {
  smtp = await startSmtp();
  ground = await openMailGround('mail templates', { smtpUrl: smtp.url });
  tenant = await addTenant(ground.services, 'play', {
    name: 'Dragons & Co',
    coin: { code: 'GEM', name: 'Gems', symbol: '💎' },
    mail: { fromName: 'Dragon Keep', replyTo: 'help@dragons.example', enabled: true },
  });
  userId = await addUser(ground.services, tenant, { email: 'ann@users.example', name: 'Ann' });
});

afterAll(async () => {
  await ground?.close();
  await smtp?.close();
});

async function arrival(job: ReturnType<typeof emailJob>): Promise<ReceivedMail> {
  const before = smtp.mails.length;
  await processEmail(ground.deps, job);
  const mails = await smtp.received(before + 1);
  return mails[before] as ReceivedMail;
}

/** Both forms say it; HTML is compared with its tags removed. */
function expectBoth(mail: ReceivedMail, ...parts: string[]): void {
  const html = String(mail.html)
    .replaceAll(/<style>[\s\S]*?<\/style>|<[^>]+>/g, ' ')
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/g, ' ');
  const text = String(mail.text).replaceAll(/\s+/g, ' ');
  for (const part of parts) {
    expect(text).toContain(part);
    expect(html).toContain(part);
  }
}

test('every mail names its sender, its one reader, its reason, and that a machine wrote it', async () => {
  const job = emailJob(tenant, userId);
  const mail = await arrival(job);
  expect(mail.recipients).toEqual(['ann@users.example']);
  expect(mail.from?.value).toEqual([{ name: 'Dragon Keep', address: 'no-reply@coins.example' }]);
  expect(mail.replyTo?.value[0]?.address).toBe('help@dragons.example');
  expect(mail.headers.get('auto-submitted')).toBe('auto-generated');
  expect(mail.messageId).toMatch(/^<[0-9a-f]{40}\.play@coins\.example>$/);
  expectBoth(mail, 'You get this mail because this address belongs to an account at Dragons & Co.');
});

test('no mail loads anything or tells anybody that it was opened', async () => {
  const mail = await arrival(emailJob(tenant, userId));
  expect(mail.html).not.toMatch(/<img|<link|<script|@import|url\(|src=/i);
});

test('welcome carries the link that confirms the address, and its token is nowhere in the job', async () => {
  const token = 'vt_play_a+b/c';
  const sealedToken = ground.services.keyring.seal(token, `mail/${tenant}/${userId}`);
  const job = emailJob(tenant, userId, 'welcome', { sealedToken });
  expect(JSON.stringify(job)).not.toContain(token);
  const mail = await arrival(job);
  const link = 'https://coins.example/verify-email?token=vt_play_a%2Bb%2Fc';
  expect(mail.subject).toBe('Welcome to Dragons & Co: please confirm your address');
  expectBoth(mail, 'Hello Ann,', 'Welcome to Dragons & Co', 'Confirm my address', link);
  expect(mail.html).toContain(`href="${link}"`);
});

test('welcome without a token asks for nothing', async () => {
  const mail = await arrival(emailJob(tenant, userId, 'welcome'));
  expect(mail.subject).toBe('Welcome to Dragons & Co');
  expect(mail.html).not.toContain('href=');
});

test('a purchase receipt names coins, price, way of paying, balance, time and number', async () => {
  const operationId = await addOperation(ground.services, tenant, userId, {
    kind: 'purchase',
    amount: 1200,
    balanceAfter: 1250,
    purchase: { provider: 'sandbox', pack: 'starter', price: 499, currency: 'usd' },
  });
  const mail = await arrival(emailJob(tenant, userId, 'purchase_receipt', { operationId }));
  expect(mail.subject).toBe('Your receipt from Dragons & Co: 💎 1,200 Gems');
  expectBoth(
    mail,
    'we added 💎 1,200 Gems to your wallet',
    '$4.99',
    'Sandbox (no real money)',
    'starter',
    '💎 1,250 Gems',
  );
  expectBoth(mail, 'March 9, 2026 at 2:05 PM UTC', operationId);
});

test('a price in yen has no cents', async () => {
  const operationId = await addOperation(ground.services, tenant, userId, {
    kind: 'purchase',
    amount: 500,
    purchase: { provider: 'stripe', pack: null, price: 800, currency: 'jpy' },
  });
  const mail = await arrival(emailJob(tenant, userId, 'purchase_receipt', { operationId }));
  expectBoth(mail, '¥800', 'Card (Stripe)');
  expect(mail.text).not.toContain('¥8.00');
});

test('a refund of a spend tells which coins are back', async () => {
  const originalId = await addOperation(ground.services, tenant, userId, {
    kind: 'spend',
    amount: 80,
    reference: 'sword #7',
  });
  const operationId = await addOperation(ground.services, tenant, userId, {
    kind: 'refund',
    amount: 30,
    balanceAfter: 130,
    originalId,
  });
  const mail = await arrival(emailJob(tenant, userId, 'refund_receipt', { operationId }));
  expect(mail.subject).toBe('Your refund from Dragons & Co: 💎 30 Gems');
  expectBoth(mail, 'We returned 💎 30 Gems to your wallet', 'sword #7', '💎 130 Gems', operationId);
});

test('a refund of a purchase tells which money goes back, and which coins went', async () => {
  const originalId = await addOperation(ground.services, tenant, userId, {
    kind: 'purchase',
    amount: 1000,
    purchase: { provider: 'paypal', pack: null, price: 1000, currency: 'eur' },
  });
  const operationId = await addOperation(ground.services, tenant, userId, {
    kind: 'refund',
    amount: 500,
    balanceAfter: 0,
    originalId,
    moneyBack: { amount: 500, currency: 'eur' },
  });
  const mail = await arrival(emailJob(tenant, userId, 'refund_receipt', { operationId }));
  expect(mail.subject).toBe('Your refund from Dragons & Co: €5.00');
  expectBoth(mail, '€5.00 goes back the way you paid', 'PayPal', '💎 500 Gems', '💎 0 Gems');
});

test('a paid purchase that could not be delivered tells that the payment goes back', async () => {
  const operationId = await addOperation(ground.services, tenant, userId, {
    kind: 'purchase',
    amount: 1000,
    purchase: { provider: 'stripe', pack: null, price: 999, currency: 'usd' },
    moneyBack: { amount: 999, currency: 'usd' },
  });
  const mail = await arrival(emailJob(tenant, userId, 'refund_receipt', { operationId }));
  expect(mail.subject).toBe('Your payment to Dragons & Co was returned');
  expectBoth(mail, 'could not be delivered', '$9.99 goes back the way you paid', operationId);
});

test('a changed password is told with its time', async () => {
  const mail = await arrival(emailJob(tenant, userId, 'password_changed', { at: '2026-01-02T03:04:05Z' }));
  expect(mail.subject).toBe('Your password at Dragons & Co was changed');
  expectBoth(mail, 'January 2, 2026 at 3:04 AM UTC', 'set a new password at once');
});

test('what others chose cannot become HTML, a header, or a link', async () => {
  const hostile = '<b>x</b>"\r\nBcc: thief@evil.example\r\n\r\n<script>alert(1)</script>';
  const slug = await addTenant(ground.services, 'hostile', {
    name: `Shop${hostile}`,
    coin: { code: 'EVIL', name: `Coin${hostile}`, symbol: '<i>\u202e' },
  });
  const victim = await addUser(ground.services, slug, {
    email: 'bob@users.example',
    name: `Bob\r\nBcc: thief@evil.example`,
  });
  const operationId = await addOperation(ground.services, slug, victim, {
    kind: 'spend',
    amount: 5,
    balanceAfter: 5,
    reference: `ref${hostile}`,
  });
  const mail = await arrival(emailJob(slug, victim, 'refund_receipt', { operationId }));
  expect(mail.recipients).toEqual(['bob@users.example']);
  expect(mail.headers.has('bcc')).toBe(false);
  expect(mail.headerLines.filter(({ key }) => key === 'bcc' || key === 'to')).toHaveLength(1);
  expect(mail.from?.value).toHaveLength(1);
  expect(mail.from?.value[0]?.address).toBe('no-reply@coins.example');
  expect(mail.subject).not.toMatch(/[\r\n\u202e]/);
  expect(mail.html).not.toMatch(/<script|<b>|<i>/);
  expect(mail.html).toContain('&lt;script&gt;');
  const linkName = await addUser(ground.services, slug, { name: 'click https://evil.example now' });
  const second = await arrival(emailJob(slug, linkName));
  expect(second.source).not.toContain('evil.example now');
  expect(second.text).toContain('Hello,');
});

test('a display name with the marks of an address stays a name', async () => {
  const slug = await addTenant(ground.services, 'marks', {
    mail: { fromName: 'Keep" <thief@evil.example>, "x', enabled: true },
  });
  const mail = await arrival(emailJob(slug, await addUser(ground.services, slug)));
  expect(mail.from?.value).toEqual([
    { name: 'Keep" <thief@evil.example>, "x', address: 'no-reply@coins.example' },
  ]);
});

test('an address that could be read as two is sent to nobody else', async () => {
  const odd = await addUser(ground.services, tenant, { email: 'a@users.example, thief@evil.example' });
  await expect(processEmail(ground.deps, emailJob(tenant, odd))).rejects.toThrow('not one plain address');
  expect(smtp.mails.flatMap((mail) => mail.recipients).join()).not.toContain('thief');
});
