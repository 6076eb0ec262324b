// Lines 56 to 58: what the logs tell, what happens when nobody can count, and what erasing leaves.
import { randomUUID } from 'node:crypto';
import type { AttackTenant, Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import { type Attack, expectAnswer, expectSame, expectThat, NotShown } from './line.ts';

/** Does everything that handles secrets, also wrongly. @returns the secrets by what they are */
async function handleSecrets(ground: Ground, tenant: AttackTenant): Promise<Record<string, string>> {
  const user = await ground.newUser(tenant);
  const { email, password } = user;
  const next = newPassword();
  const guess = newPassword();
  const typed = newPassword();
  await ground.login(tenant, { email, password: guess });
  await ground.login(tenant, `{"email":"${email}","password":"${typed}`);
  await ground.login(tenant, { email, password: { not: 'a text', secret: typed } });
  const login = await ground.login(tenant, { email, password });
  expectAnswer('a login', login, 200);
  await ground.profile(`${login.body.accessToken}x`);
  await ground.refresh(user.refreshToken);
  await ground.refresh(`${user.refreshToken}x`);
  const change = { currentPassword: password, newPassword: next };
  await ground.send('POST', '/password/change', { as: user.token, body: change });
  await ground.send('GET', `/verify-email?token=mt_${tenant.slug}_${typed}`);
  await ground.send('POST', '/password/reset', {
    body: { token: `mt_${tenant.slug}_${typed}`, password: next },
  });
  await ground.grant(tenant, user.id, 3);
  const stripe = { secretKey: `sk_test_${randomUUID()}`, webhookSecret: `whsec_${randomUUID()}` };
  const settings = { providers: { stripe } };
  await ground.operator('PATCH', `/operator/tenants/${tenant.slug}`, { settings });
  await ground.operator('POST', `/operator/tenants/${tenant.slug}/keys`, { name: 'x', scopes: ['read'] });
  await ground.send('POST', '/logout', { body: { refreshToken: login.body.refreshToken } });
  return {
    'a password': password,
    'a new password': next,
    'a wrong password': guess,
    'a password in a broken body': typed,
    'an access token': user.token,
    'the signature of an access token': String(login.body.accessToken.split('.')[2]),
    'a refresh token': user.refreshToken,
    'another refresh token': login.body.refreshToken,
    'a secret key': tenant.secretKey,
    "a provider's key": stripe.secretKey,
    "a webhook's secret": stripe.webhookSecret,
    'the operator token': ground.stage.target.operatorToken,
    'an address': email,
  };
}

/** `npm start` shows the operator their token once, before the log begins (contract). */
const greeting = /^\s*Operator token\s/;

async function silentLogs(ground: Ground): Promise<string> {
  const readLog = ground.levers.log;
  if (!readLog) throw new NotShown('there is no log');
  const tenant = await ground.newTenant();
  const secrets = await handleSecrets(ground, tenant);
  const marker = `attack-${randomUUID()}`;
  await ground.send('GET', '/profile', { as: 'not-a-token', headers: { 'x-request-id': marker } });
  const log = await ground.poll(async () => {
    const text = await readLog();
    return text.includes(marker) && text;
  }, 5000);
  if (log === undefined)
    throw new NotShown('the log names no request: LOG_LEVEL is above info, or it is another log');
  const audit = await ground.operator('GET', `/operator/tenants/${tenant.slug}/audit?limit=100`);
  expectAnswer('the audit', audit, 200);
  expectThat('lines of the audit', audit.body.data.length > 0, 'some', audit.body.data.length);
  for (const [what, secret] of Object.entries(secrets)) {
    const line = log.split('\n').find((each) => each.includes(secret) && !greeting.test(each));
    expectThat(
      `the log, ${what}`,
      line === undefined,
      'not in it',
      line?.replaceAll(secret, '…').slice(0, 200),
    );
    expectThat(`the audit, ${what}`, !audit.text.includes(secret), 'not in it', 'in it');
  }
  const lines = log.split('\n').length;
  return `${Object.keys(secrets).length} kinds of secrets in none of ${lines} lines of log, nor in the audit`;
}

async function withoutStore(ground: Ground): Promise<string> {
  const { rateStore } = ground.levers;
  if (!rateStore) throw new NotShown('there is no hand on the store');
  const tenant = await ground.newTenant();
  const { email, password } = await ground.newUser(tenant);
  const from = ground.newAddress();
  const guess = () => ground.login(tenant, { email, password: newPassword() }, { from });
  let heard = 0;
  let slowest = 0;
  await rateStore.stop();
  try {
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(Array.from({ length: 10 }, guess));
      for (const answer of answers) {
        expectAnswer('a guess while nobody can count', answer, 401, 429, 503);
        if (answer.status === 401) heard += 1;
        slowest = Math.max(slowest, answer.ms);
      }
    }
    expectThat('guesses that were heard meanwhile', heard <= 10, 'at most 10, as always', heard);
  } finally {
    await rateStore.start();
  }
  const back = await ground.poll(async () => {
    const options = { from: ground.newAddress() };
    return (await ground.login(tenant, { email, password }, options)).status === 200;
  });
  expectThat('a login after the store is back', back === true, '200', 'none');
  return `of 30 guesses ${heard} were heard, the slowest answer took ${slowest.toFixed(0)} ms`;
}

async function erasedUser(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const email = newEmail('forget-me');
  const name = `Ada ${randomUUID().slice(0, 13)}`;
  const password = newPassword();
  const reference = `order of ${email}`;
  const made = await ground.register(tenant, { email, password, name });
  expectAnswer('a user registers', made, 201);
  const { id } = made.body.user;
  const token = made.body.accessToken;
  await ground.grant(tenant, id, 50);
  const spent = await ground.spend(token, { amount: 20, reference, metadata: { mail: email } });
  expectAnswer('a spend', spent, 201);
  const path = `/operator/tenants/${tenant.slug}/users/${id}`;
  expectAnswer('the erasure', await ground.operator('POST', `${path}/erase`), 200);
  expectAnswer('a session of the user', await ground.profile(token), '401');
  expectAnswer('a login', await ground.login(tenant, { email, password }), '401 invalid_credentials');
  for (const door of [path, `/operator/tenants/${tenant.slug}/audit?limit=100`, `${path}/export`]) {
    const answer = await ground.operator('GET', door);
    for (const text of [email, name]) {
      expectThat(
        `what ${door.replace(id, '{id}')} shows`,
        !answer.text.includes(text),
        'nothing personal',
        text,
      );
    }
  }
  await ground.part('database', async () => {
    for (const text of [email, name]) {
      const rows = await ground.poll(async () => {
        const found = await ground.database.rowsHolding(tenant.slug, text);
        return found.length === 0 && found;
      }, 5000);
      expectSame(
        'rows that hold something personal',
        rows ?? (await ground.database.rowsHolding(tenant.slug, text)),
        [],
      );
    }
  });
  const books = await ground.operator('GET', `/operator/tenants/${tenant.slug}/integrity`);
  expectSame('the books', [books.body.ok, books.body.differences], [true, []]);
  expectThat(
    'entries of the books',
    books.body.entries >= 4,
    'those of a grant and a spend',
    books.body.entries,
  );
  const again = await ground.newUser(tenant, { email });
  expectThat('whoever has the address next', again.id !== id, 'is somebody new', again.id);
  expectSame('their coins', await ground.balance(again.token), 0);
  return `address, name and references are gone, ${books.body.entries} entries still balance`;
}

export const operationsLines: Attack[] = [
  { number: 56, title: 'secrets in logs and audit', needs: ['log'], run: silentLogs },
  { number: 57, title: 'guessing while the rate store is down', needs: ['rateStore'], run: withoutStore },
  { number: 58, title: 'what erasing a user leaves', needs: [], run: erasedUser },
];
