// Lines 16 to 19: what registering tells about others, and what it lets a stranger write.
import { randomUUID } from 'node:crypto';
import type { Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';
import { expectAlike } from './login-times.ts';

async function knownAddress(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant({ requireVerifiedEmail: true });
  const email = newEmail('owner');
  const owner = { email, password: newPassword() };
  expectAnswer('the owner registers', await ground.register(tenant, owner), 202);
  const welcome = await ground.mail(email, 'the welcome', () => true);
  for (let pair = 0; pair < 3; pair += 1) {
    const options = { headers: { 'x-request-id': randomUUID() } };
    const known = await ground.register(tenant, { email, password: newPassword() }, options);
    const fresh = await ground.register(tenant, { email: newEmail('new'), password: newPassword() }, options);
    expectAnswer('an address that is free', fresh, 202);
    expectAlike('answers to an address with an account and to one without', known, fresh);
  }
  const notice = await ground.mail(
    email,
    'a notice to the owner',
    ({ subject }) => subject !== welcome.subject,
  );
  expectThat(
    'the notice has no link that verifies',
    !notice.text.includes('verify-email'),
    'none',
    notice.text,
  );
  const token = decodeURIComponent(/verify-email\?token=([\w%.-]+)/.exec(welcome.text)?.[1] ?? '');
  const verified = await ground.send('POST', '/email/verify', { body: { token } });
  expectAnswer("the owner's first link", verified, 204);
  expectAnswer("the owner's password", await ground.login(tenant, owner), 200);
  return 'the same 202, and a mail that tells the owner';
}

async function lookAlikes(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const email = newEmail('mixed');
  const { id, password } = await ground.newUser(tenant, { email });
  const [name = '', domain = ''] = email.split('@');
  for (const same of [email.toUpperCase(), `${name.toUpperCase()}@${domain}`, `  ${email} `]) {
    const taken = await ground.register(tenant, { email: same, password: newPassword() });
    expectAnswer(`registering "${same}"`, taken, '409 email_taken');
    const login = await ground.login(tenant, { email: same, password });
    expectAnswer(`logging in as "${same}"`, login, 200);
    expectSame(`the account of "${same}"`, login.body.user.id, id);
  }
  // Full-width, small and Cyrillic forms: some become plain letters by NFKC, some never do.
  const wrong = [
    `${name}＠${domain}`,
    `${name}﹫${domain}`,
    `${name}@${domain}＠evil.example`,
    `${name}@аttack.example`,
  ];
  for (const each of [...wrong, `a@b@${domain}`, `${name}@${domain}\0`]) {
    const answer = await ground.register(tenant, { email: each, password: newPassword() });
    expectAnswer(`registering "${each}"`, answer, '422 invalid_input');
  }
  return 'one account whatever the case; an @ that is none is refused';
}

const breaks = [
  '\r\nBcc: evil@attack.example',
  '\nBcc: evil@attack.example',
  '\rX: y',
  '\u2028x',
  '\u0085x',
  '\0x',
];

async function headerInjection(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  for (const each of breaks) {
    const email = newEmail('crlf');
    const what = `a name with ${JSON.stringify(each.slice(0, 2))}`;
    const answer = await ground.register(tenant, { email, password: newPassword(), name: `Ada${each}` });
    expectAnswer(what, answer, '422 invalid_input');
    const address = await ground.register(tenant, {
      email: `ada${each}@attack.example`,
      password: newPassword(),
    });
    expectAnswer(`an address with ${JSON.stringify(each.slice(0, 2))}`, address, '422 invalid_input');
    const settings = { mail: { enabled: true, fromName: `Shop${each}` } };
    const renamed = await ground.operator('PATCH', `/operator/tenants/${tenant.slug}`, { settings });
    expectAnswer('a sender with a line break', renamed, '422 invalid_input');
  }
  // One line each, and still made to look like more.
  const names = [
    '=?utf-8?Q?Ada=0D=0ABcc:_evil=40attack.example?=',
    '"Ada" <evil@attack.example>, x',
    'Ada\\r\\nBcc: x',
  ];
  for (const name of names) {
    const email = newEmail('plain');
    const answer = await ground.register(tenant, { email, password: newPassword(), name });
    expectAnswer(`the name ${name}`, answer, 201);
    const mail = await ground.mail(email, 'the welcome', () => true);
    expectSame('who gets the mail', mail.to, [email]);
    for (const [header, value] of mail.headers) {
      const stray = /^(bcc|cc|x)$/i.test(header) || value.includes('evil');
      expectThat(`the header ${header}`, !stray, "nothing of a stranger's", value);
    }
  }
  return `${breaks.length} kinds of line breaks, ${names.length} names that look like headers`;
}

const stowaways = {
  role: 'admin',
  admin: true,
  balance: 1_000_000,
  wallet: { balance: 1_000_000 },
  tenant_id: 'other',
  tenant: 'other',
  id: '0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77',
  status: 'active',
  emailVerified: true,
  email_verified_at: '2026-01-01T00:00:00Z',
  passwordHash: 'x',
  scopes: ['grant'],
};

async function stowawayFields(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  for (const [name, value] of Object.entries(stowaways)) {
    const body = { email: newEmail('stowaway'), password: newPassword() };
    const answer = await ground.register(tenant, { ...body, [name]: value });
    expectAnswer(`registering with ${name}`, answer, '422 invalid_input');
    const login = { email: user.email, password: user.password, [name]: value };
    expectAnswer(`logging in with ${name}`, await ground.login(tenant, login), '422 invalid_input');
    const spend = await ground.spend(user.token, { amount: 1, [name]: value });
    expectAnswer(`spending with ${name}`, spend, '422 invalid_input');
    if (name === 'role')
      expectAnswer('the account', await ground.login(tenant, body), '401 invalid_credentials');
  }
  // Written by hand: an object literal would set the prototype instead.
  const text = `{"email":"${newEmail()}","password":"${newPassword()}","__proto__":{"role":"admin"}}`;
  expectAnswer('registering with __proto__', await ground.register(tenant, text), '422 invalid_input', 201);
  expectSame('the coins of the user', await ground.balance(user.token), 0);
  return `${Object.keys(stowaways).length} fields at three routes`;
}

export const registrationLines: Attack[] = [
  {
    number: 16,
    title: 'registering an address to learn whether it exists',
    needs: ['mails'],
    run: knownAddress,
  },
  { number: 17, title: 'one address in other letters, other @ signs', needs: [], run: lookAlikes },
  {
    number: 18,
    title: 'line breaks in a name, for the headers of a mail',
    needs: ['mails'],
    run: headerInjection,
  },
  { number: 19, title: 'role, balance and tenant in the body', needs: [], run: stowawayFields },
];
