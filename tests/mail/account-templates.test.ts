// What owners of accounts read about them: every such mail as it arrives, in both forms, with our own links only.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EmailJob, MailTemplate } from '#shared/contracts/jobs.ts';
import { insertMailToken } from '#shared/db/mail-tokens.ts';
import { withTenant } from '#shared/db/pool.ts';
import { mailSealContext, newMailToken } from '#shared/tenants/mail-tokens.ts';
import { addTenant, addUser, emailJob, type MailGround, openMailGround } from '#tests/support/mail-ground.ts';
import { type ReceivedMail, startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { processEmail } from '#workers/email.ts';

const at = '2026-01-02T03:04:05Z';
const atText = 'January 2, 2026 at 3:04 AM UTC';
let smtp: TestSmtp;
let ground: MailGround;
let userId: string;

beforeAll(async () => {
  smtp = await startSmtp();
  ground = await openMailGround('account templates', { smtpUrl: smtp.url });
  await addTenant(ground.services, 'play', { name: 'Dragons & Co' });
  userId = await addUser(ground.services, 'play', { email: 'ann@users.example', name: 'Ann' });
});
afterAll(async () => {
  await ground?.close();
  await smtp?.close();
});

const seal = (text: string, owner: string | null = userId) =>
  ground.services.keyring.seal(text, mailSealContext('play', owner));

async function arrival(
  template: MailTemplate,
  data: EmailJob['data'] = {},
  owner: string | null = userId,
): Promise<ReceivedMail> {
  const before = smtp.mails.length;
  await processEmail(ground.deps, { ...emailJob('play', '', template, data), userId: owner });
  return (await smtp.received(before + 1))[before] as ReceivedMail;
}

/** Both forms say it, and lead nowhere but to `page` of ours. */
function expectBoth(mail: ReceivedMail, page: string | undefined, ...parts: string[]): void {
  const html = String(mail.html)
    .replaceAll(/<style>[\s\S]*?<\/style>|<[^>]+>/g, ' ')
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/g, ' ');
  const text = String(mail.text).replaceAll(/\s+/g, ' ');
  for (const part of parts) {
    expect(text).toContain(part);
    expect(html).toContain(part);
  }
  const links = [...String(mail.html).matchAll(/href="([^"]*)"/g), ...text.matchAll(/(https?:\/\/\S+)/g)];
  const own = `https://coins.example/${page}?token=vt_play_`;
  expect(links.length > 0).toBe(page !== undefined);
  for (const [, link] of links) expect(link?.startsWith(own)).toBe(true);
  expect(mail.html).not.toMatch(/<img|<link|<script|@import|url\(|src=/i);
}

/** The token of a change that Ann asked for, to this address. */
async function changeTo(email: string) {
  const { token, hash } = newMailToken('play');
  await withTenant(ground.services.db.app, 'play', (tx) =>
    insertMailToken(tx, { hash, userId, purpose: 'change_email', email, lifetimeSeconds: 60 }),
  );
  return { sealedToken: seal(token) };
}

describe('a mail with a link', () => {
  test('sets a new password', async () => {
    const mail = await arrival(
      'reset_password',
      { askedAt: new Date().toISOString(), sealedTo: seal('ann@users.example', null) },
      null,
    );
    expect(mail.recipients).toEqual(['ann@users.example']);
    expect(mail.subject).toBe('Choose a new password at Dragons & Co');
    expectBoth(mail, 'reset-password', 'Hello Ann,', '30 minutes and once', 'your password stays as it is');
  });

  test('verifies the address again', async () => {
    const mail = await arrival('verify_email', { askedAt: new Date().toISOString() });
    expect(mail.subject).toBe('Please confirm your address at Dragons & Co');
    expectBoth(mail, 'verify-email', 'Hello Ann,', '24 hours and once');
  });

  test('asks the reader of the new address, and nobody else', async () => {
    const mail = await arrival('change_email', await changeTo('ann@new.example'));
    expect(mail.recipients).toEqual(['ann@new.example']);
    expect(mail.subject).toBe('Please confirm your new address at Dragons & Co');
    expectBoth(
      mail,
      'change-email',
      '60 minutes and once',
      'somebody wants to give this address to an account',
    );
  });
});

describe('a mail without a link', () => {
  const words: [MailTemplate, EmailJob['data'], string, string[]][] = [
    [
      'account_exists',
      {},
      'You have an account at Dragons & Co already',
      ['open an account with this address'],
    ],
    [
      'password_changed',
      { at },
      'Your password at Dragons & Co was changed',
      [atText, 'set a new password at once'],
    ],
    ['session_reuse', { at }, 'You were logged out at Dragons & Co', [atText, 'login was copied']],
    [
      'second_factor_changed',
      { at, change: 'added', factor: 'totp' },
      'A second factor was added at Dragons & Co',
      [`On ${atText} an authenticator app was added to your account at Dragons & Co.`],
    ],
    [
      'second_factor_changed',
      { at, change: 'removed', factor: 'passkey' },
      'A second factor was removed at Dragons & Co',
      ['a passkey was removed from your account'],
    ],
    [
      'second_factor_changed',
      { at, change: 'recovery_used', factor: 'totp' },
      'A recovery code was used at Dragons & Co',
      ['a recovery code, instead of a second factor, was used at your account'],
    ],
    [
      'second_factor_changed',
      { at, change: 'recovery_renewed', factor: 'totp' },
      'New recovery codes were made at Dragons & Co',
      ['new recovery codes, which end the old ones, were made for your account'],
    ],
    [
      'second_factor_changed',
      { at, change: 'toString', factor: 'constructor' },
      'Your second factor was changed at Dragons & Co',
      ['a second factor was changed at your account'],
    ],
    [
      'identity_changed',
      { at, change: 'linked', provider: 'google' },
      'Google was linked to your account at Dragons & Co',
      [`Since ${atText} a login by Google opens your account`],
    ],
    [
      'identity_changed',
      { at, change: 'unlinked', provider: 'facebook' },
      'Facebook was unlinked from your account at Dragons & Co',
      ['no login by Facebook opens your account'],
    ],
    [
      'top_up_disabled',
      { reason: 'card_declined', label: 'visa •••• 4242' },
      'Your automatic top-up at Dragons & Co is off',
      ['Your payment method was declined.', 'No coins were bought', 'visa •••• 4242'],
    ],
    [
      'top_up_disabled',
      { reason: 'authentication_required', label: null },
      'Your automatic top-up at Dragons & Co is off',
      ['Your bank wants you to confirm the payment yourself'],
    ],
    [
      'top_up_disabled',
      { reason: 'of_a_newer_version', label: null },
      'Your automatic top-up at Dragons & Co is off',
      ['The payment did not come about.'],
    ],
  ];
  test.each(words)('%s %o says what happened and what to do', async (template, data, subject, parts) => {
    const mail = await arrival(template, data);
    expect(mail.recipients).toEqual(['ann@users.example']);
    expect(mail.subject).toBe(subject);
    expectBoth(mail, undefined, 'Hello Ann,', ...parts);
  });

  test('tells the old address that it was replaced, and by which it does not', async () => {
    const mail = await arrival('email_changed', { at, sealedTo: seal('ann@old.example') });
    expect(mail.recipients).toEqual(['ann@old.example']);
    expect(mail.source).not.toContain('ann@users.example');
    expectBoth(mail, undefined, atText, 'this address belonged to an account at Dragons & Co');
  });

  test('is the last of an account that is gone', async () => {
    const gone = await addUser(ground.services, 'play', { email: null, status: 'erased' });
    const mail = await arrival('account_erased', { at, sealedTo: seal('bob@users.example', gone) }, gone);
    expect(mail.recipients).toEqual(['bob@users.example']);
    expectBoth(
      mail,
      undefined,
      'Hello,',
      atText,
      'this is the last mail about it',
      'this address belonged to',
    );
  });

  test('tells the owner of an address that somebody wanted for another account', async () => {
    await addUser(ground.services, 'play', { email: 'cleo@users.example', name: 'Cleo' });
    const mail = await arrival('change_email', await changeTo('cleo@users.example'));
    expect(mail.recipients).toEqual(['cleo@users.example']);
    expectBoth(mail, undefined, 'Hello Cleo,', 'move another account to this address');
  });
});

test('18 no name of a user or a platform becomes a header, a link or HTML in any of them', async () => {
  const hostile = 'x\r\nBcc: thief@evil.example\r\n\r\n<script>alert(1)</script> https://evil.example';
  await addTenant(ground.services, 'hostile', { name: `Shop ${hostile}` });
  const victim = await addUser(ground.services, 'hostile', { email: 'v@users.example', name: hostile });
  const { keyring } = ground.services;
  const sealedTo = keyring.seal('v@users.example', mailSealContext('hostile', victim));
  const templates: MailTemplate[] = [
    ...(['verify_email', 'account_exists', 'password_changed', 'email_changed', 'session_reuse'] as const),
    ...(['second_factor_changed', 'identity_changed', 'account_erased', 'top_up_disabled'] as const),
  ];
  for (const template of templates) {
    const before = smtp.mails.length;
    await processEmail(ground.deps, emailJob('hostile', victim, template, { sealedTo }));
    const mail = (await smtp.received(before + 1))[before] as ReceivedMail;
    expect(mail.recipients).toEqual(['v@users.example']);
    expect(mail.headers.has('bcc')).toBe(false);
    expect(mail.subject).not.toMatch(/[\r\n]/);
    expect(mail.html).not.toMatch(/<script|href="https:\/\/evil/);
    expect(mail.text).toContain('Hello,');
  }
});
