// Lines 8 to 13 and 15: what guessing passwords tells, how many guesses are heard, and whom they lock out.
import type { AttackTenant, Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import type { Answer } from './http.ts';
import { type Attack, expectAnswer, expectSame, expectThat, NotShown } from './line.ts';
import { compareLogins } from './login-times.ts';

const often = { count: 1_000_000, seconds: 60 };
/** For lines that measure something else than the limits. */
export const noLoginLimits = {
  limits: { loginPerAddress: often, loginPerAccountAndAddress: often, loginPerAccount: often },
};

async function unknownAddress(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant(noLoginLimits);
  const known = await ground.newUser(tenant);
  return compareLogins(ground, tenant, [known.email, newEmail('nobody')]);
}

const heard = (answers: Answer[]) => answers.filter(({ status }) => status !== 429 && status !== 503).length;

/** @throws Fallen unless each says when another try makes sense. */
function expectRetryAfter(answers: Answer[]): void {
  for (const answer of answers.filter(({ status }) => status === 429 || status === 503)) {
    const seconds = answer.headers['retry-after'] ?? '';
    expectThat(`Retry-After of a ${answer.status}`, /^[1-9]\d*$/.test(seconds), 'whole seconds', seconds);
    if (answer.status === 429) {
      expectThat('RateLimit of a 429', answer.headers.ratelimit !== undefined, 'the header', 'nothing');
    }
  }
}

async function parallelGuesses(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const { email, password } = await ground.newUser(tenant);
  const from = ground.newAddress();
  const guess = () => ground.login(tenant, { email, password: newPassword() }, { from });
  const answers = await Promise.all(Array.from({ length: 30 }, guess));
  const count = heard(answers);
  expectThat('guesses at one account from one address that were heard', count <= 10, 'at most 10', count);
  expectThat('the first guesses', count > 0, 'some are heard', count);
  expectRetryAfter(answers);
  const right = await ground.login(tenant, { email, password }, { from });
  expectAnswer('the right password after them, from there', right, '429 rate_limited');
  return `${count} of 30 were heard, the others answered 429 before any hash`;
}

/** Wrong guesses, a few at a time, each from an address of its own unless one is given. */
async function guesses(
  ground: Ground,
  tenant: AttackTenant,
  emails: string[],
  from?: string,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < emails.length; at += 25) {
    const guess = (email: string) =>
      ground.login(tenant, { email, password: newPassword() }, { from: from ?? ground.newAddress() });
    answers.push(...(await Promise.all(emails.slice(at, at + 25).map(guess))));
  }
  return answers;
}

async function burntAccount(ground: Ground): Promise<string> {
  const limits = { loginPerAccount: { count: 20, seconds: 3600 } };
  const tenant = await ground.newTenant({ limits });
  const victim = await ground.newUser(tenant);
  const { email, password } = victim;
  const home = ground.newAddress();
  const first = await ground.login(tenant, { email, password }, { from: home });
  expectAnswer('the victim logs in', first, 200);
  const { deviceToken } = first.body;
  expectThat(
    'the login names the device',
    typeof deviceToken === 'string',
    'a deviceToken',
    first.body.deviceToken,
  );
  await guesses(ground, tenant, Array<string>(40).fill(email));
  const stranger = await ground.login(tenant, { email, password }, { from: ground.newAddress() });
  expectAnswer('a stranger after 40 guesses, even with the right password', stranger, '429 rate_limited');
  const another = await ground.newUser(tenant);
  const their = await ground.login(tenant, { email: another.email, password: another.password });
  const borrowed = { email, password, deviceToken: their.body.deviceToken };
  const thief = await ground.login(tenant, borrowed, { from: ground.newAddress() });
  expectAnswer("a device of somebody else's", thief, '429 rate_limited');
  // Abroad: it is the device that counts, not the address.
  const back = await ground.login(tenant, { email, password, deviceToken }, { from: ground.newAddress() });
  expectAnswer('the victim on the known device', back, 200);
  const forgot = await ground.send('POST', '/password/forgot', {
    tenant: tenant.slug,
    body: { email },
    from: ground.newAddress(),
  });
  expectAnswer('the victim asks for a new password', forgot, 202);
  await ground.part('mails', async () => {
    const mail = await ground.mail(email, 'the link to a new password', ({ text }) =>
      text.includes('reset-password'),
    );
    const token = decodeURIComponent(/reset-password\?token=([\w%.-]+)/.exec(mail.text)?.[1] ?? '');
    const reset = await ground.send('POST', '/password/reset', { body: { token, password: newPassword() } });
    expectAnswer('the victim sets a new password', reset, 204);
  });
  return 'strangers are shut out, the known device and the way by mail stay open';
}

async function manyAddresses(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const { email, password } = await ground.newUser(tenant);
  const answers = await guesses(ground, tenant, Array<string>(200).fill(email));
  const count = heard(answers);
  expectThat('guesses at one account from 200 addresses that were heard', count <= 100, 'at most 100', count);
  expectThat('the first guesses', count > 0, 'some are heard', count);
  expectRetryAfter(answers);
  const right = await ground.login(tenant, { email, password }, { from: ground.newAddress() });
  expectAnswer('the right password from address 201', right, '429 rate_limited');
  return `${count} of 200 were heard`;
}

async function manyAccounts(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const from = ground.newAddress();
  const emails = Array.from({ length: 300 }, () => newEmail('one-of-many'));
  const answers = await guesses(ground, tenant, emails.slice(0, 150), from);
  const count = heard(answers);
  expectThat(
    'guesses from one address over many accounts that were heard',
    count <= 100,
    'at most 100',
    count,
  );
  expectRetryAfter(answers);
  const rest = await guesses(ground, tenant, emails.slice(150), from);
  expectSame('guesses 151 to 300 that were heard', heard(rest), 0);
  if (ground.has('addresses')) {
    const { email, password } = await ground.newUser(tenant);
    const other = await ground.login(tenant, { email, password }, { from: ground.newAddress() });
    expectAnswer('somebody at another address', other, 200);
  }
  return `${count} of 300 were heard`;
}

/** Asks for /health again and again until `work` is over. @returns times in milliseconds */
async function watchHealth(ground: Ground, work: Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  let over = false;
  const watched = work.finally(() => {
    over = true;
  });
  while (!over) {
    const answer = await ground.send('GET', '/health');
    expectAnswer('/health while passwords are hashed', answer, 200);
    times.push(answer.ms);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await watched;
  return times.toSorted((a, b) => a - b);
}

async function crowd(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant(noLoginLimits);
  const { email, password } = await ground.newUser(tenant);
  const rush = (count: number) =>
    Promise.all(Array.from({ length: count }, () => ground.login(tenant, { email, password })));
  const fifty = rush(50);
  const times = await watchHealth(ground, fifty);
  for (const answer of await fifty) expectAnswer('one of 50 logins at once', answer, 200, '503 overloaded');
  const p99 = times[Math.ceil(times.length * 0.99) - 1] ?? 0;
  for (const count of [100, 200, 400]) {
    const answers = await rush(count);
    for (const answer of answers)
      expectAnswer(`one of ${count} logins at once`, answer, 200, '503 overloaded');
    expectRetryAfter(answers);
    const shed = answers.filter(({ status }) => status === 503).length;
    if (shed > 0)
      return `/health p99 ${p99.toFixed(0)} ms during 50 logins; of ${count} at once ${shed} were sent away`;
  }
  throw new NotShown(
    'the server hashes too fast for this machine to overload it: 400 logins at once all got in',
  );
}

export const guessingLines: Attack[] = [
  { number: 8, title: 'a wrong password told from an unknown address', needs: [], run: unknownAddress },
  { number: 10, title: '30 guesses at the same moment', needs: [], run: parallelGuesses },
  { number: 11, title: "a victim's account locked by guessing", needs: ['addresses'], run: burntAccount },
  { number: 12, title: '200 addresses guess at one account', needs: ['addresses'], run: manyAddresses },
  { number: 13, title: 'one address guesses at hundreds of accounts', needs: [], run: manyAccounts },
  { number: 15, title: '50 logins at the same moment', needs: [], run: crowd },
];
