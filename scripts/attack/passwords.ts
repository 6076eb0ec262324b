// Lines 1 to 7 and 14: what may be a password, that all of it counts, and what a stored one may say.
import { randomBytes } from 'node:crypto';
import type { AttackTenant, Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';

const letters = (length: number) =>
  Array.from(randomBytes(length), (byte) => String.fromCharCode(97 + (byte % 26))).join('');

/** Registers with one password, then logs in with it, and with each of the others in vain. */
async function onlyThisOneOpens(
  ground: Ground,
  tenant: AttackTenant,
  password: string,
  others: [what: string, password: string][],
): Promise<void> {
  const { email } = await ground.newUser(tenant, { password });
  for (const [what, other] of others) {
    expectAnswer(what, await ground.login(tenant, { email, password: other }), '401 invalid_credentials');
  }
  expectAnswer('the password itself', await ground.login(tenant, { email, password }), 200);
}

async function shortPassword(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const strict = await ground.newTenant({ passwordLengthMin: 15 });
  const tries: [string, AttackTenant, string, string][] = [
    ['7 characters', tenant, letters(7), '422 invalid_input'],
    ['7 characters of 28 bytes', tenant, '🦊🐢🦉🐝🦔🐙🦀', '422 invalid_input'],
    ['8 characters', tenant, letters(8), '201'],
    ['14 characters where 15 are asked', strict, letters(14), '422 invalid_input'],
    ['15 characters where 15 are asked', strict, letters(15), '201'],
  ];
  for (const [what, where, password, expected] of tries) {
    expectAnswer(what, await ground.register(where, { email: newEmail(), password }), expected);
  }
  const user = await ground.newUser(tenant);
  const body = { currentPassword: user.password, newPassword: letters(7) };
  const changed = await ground.send('POST', '/password/change', { as: user.token, body });
  expectAnswer('7 characters in a change', changed, '422 invalid_input');
  const lowered = await ground.operator('PATCH', `/operator/tenants/${strict.slug}`, {
    settings: { passwordLengthMin: 7 },
  });
  expectAnswer('a tenant below the floor', lowered, '422 invalid_input');
  return 'the floor is 8 characters; a tenant raised it to 15, and none can lower it';
}

async function emojiPassword(ground: Ground): Promise<string> {
  const password = '🦊🐢🦉🐝🦔🐙🦀🐳'.repeat(8);
  await onlyThisOneOpens(ground, await ground.plainTenant(), password, [
    ['the last of 64 emoji is another', `${password.slice(0, -2)}🦊`],
    ['the last of 64 emoji is missing', password.slice(0, -2)],
  ]);
  return 'all 256 bytes count';
}

async function longPassword(ground: Ground): Promise<string> {
  const start = letters(72);
  await onlyThisOneOpens(ground, await ground.plainTenant(), `${start}Xyz`, [
    ['another byte 73', `${start}Yyz`],
    ['72 bytes alone', start],
    ['one byte more', `${start}Xyzz`],
  ]);
  return 'bytes past the 72nd count';
}

async function nulPassword(ground: Ground): Promise<string> {
  const [start, end] = [letters(9), letters(9)];
  await onlyThisOneOpens(ground, await ground.plainTenant(), `${start}\0${end}`, [
    ['what stands before the NUL', start],
    ['another text after the NUL', `${start}\0${letters(9)}`],
    ['without the NUL', start + end],
  ]);
  return 'what follows the NUL counts';
}

async function anyComposition(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const digits = Array.from(randomBytes(14), (byte) => byte % 10).join('');
  for (const password of [letters(14), letters(14).toUpperCase(), digits, `${letters(5)} ${letters(6)}`]) {
    const answer = await ground.register(tenant, { email: newEmail(), password });
    expectAnswer('a password of one kind of characters', answer, 201);
  }
  const words = letters(12);
  await onlyThisOneOpens(ground, tenant, `  ${words} `, [
    ['without its spaces', words],
    ['without the spaces in front', `${words} `],
    ['without the space at the end', `  ${words}`],
  ]);
  return 'taken as they are';
}

/** Among the first of every list of leaked passwords. */
const leaked = ['12345678', 'password', 'iloveyou', 'qwertyuiop', 'password123', '1q2w3e4r5t', 'football1'];

async function leakedPassword(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const email = newEmail('guessable');
  const user = await ground.newUser(tenant);
  const slowest: number[] = [];
  for (const password of [...leaked, email, email.toUpperCase(), tenant.slug]) {
    const what = password === email ? 'the address as password' : `"${password}" as password`;
    const answer = await ground.register(tenant, { email, password });
    expectAnswer(what, answer, '422 password_compromised');
    slowest.push(answer.ms);
  }
  const body = { currentPassword: user.password, newPassword: leaked[0] };
  const changed = await ground.send('POST', '/password/change', { as: user.token, body });
  expectAnswer('a leaked password in a change', changed, '422 password_compromised');
  return `${leaked.length} of the best known, address and tenant name; slowest answer ${Math.max(...slowest).toFixed(0)} ms`;
}

async function hugePassword(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const { email } = await ground.newUser(tenant);
  const body = { email, password: 'x'.repeat(1024 * 1024) };
  expectAnswer('1 MB at the login', await ground.login(tenant, body), '413 payload_too_large');
  expectAnswer('1 MB at the registration', await ground.register(tenant, body), '413 payload_too_large');
  // Below the limit of a body, and still far more than a password.
  const large = { email, password: 'x'.repeat(60_000) };
  expectAnswer('60 KB at the login', await ground.login(tenant, large), '422 invalid_input');
  return 'refused by its length, before anything hashes it';
}

async function storedPassword(ground: Ground): Promise<string> {
  const { database } = ground;
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  const { email, password } = user;
  const stored = await database.findPassword(tenant.slug, user.id);
  expectThat('a password is stored', stored !== undefined, 'a hash', stored);
  if (!stored) return '';
  const cost = Number(/^\$2[aby]\$(\d\d)\$/.exec(stored.hash)?.[1]);
  // A cost that nobody chose here: checking it would hold a core for seconds.
  const planted = { ...stored, hash: stored.hash.replace(/\$\d\d\$/, '$15$') };
  await database.plantPassword(tenant.slug, user.id, planted);
  const usual = await ground.login(tenant, { email: newEmail('nobody'), password });
  const refused = await ground.login(tenant, { email, password });
  expectAnswer('a stored cost of 15', refused, '401 invalid_credentials');
  // Cost 15 takes two seconds of a core that does nothing else.
  const msMax = 1000 + 5 * usual.ms;
  expectThat('a stored cost of 15 is not even tried', refused.ms < msMax, `within ${msMax} ms`, refused.ms);
  const { hashAt } = ground.levers;
  if (!hashAt) {
    ground.unshown.push(
      'needs a hash at an older cost, which only who knows SECRET_KEY can make ("npm test")',
    );
    return '';
  }
  const old = await hashAt(password, cost - 1);
  await database.plantPassword(tenant.slug, user.id, old);
  expectAnswer('a wrong password', await ground.login(tenant, { email, password: newPassword() }), 401);
  expectSame('a failed login', await database.findPassword(tenant.slug, user.id), old);
  expectAnswer('a hash of an older cost', await ground.login(tenant, { email, password }), 200);
  const upgraded = await ground.poll(async () => {
    const now = await database.findPassword(tenant.slug, user.id);
    return now?.hash !== old.hash && now;
  }, 3000);
  const costNow = Number(/^\$2[aby]\$(\d\d)\$/.exec(upgraded?.hash ?? '')?.[1]);
  expectSame('the cost of the hash after a login', costNow, cost);
  expectAnswer('the password after it', await ground.login(tenant, { email, password }), 200);
  return `a hash of cost ${cost - 1} became one of ${cost} by the login; one of cost 15 was answered in ${refused.ms.toFixed(0)} ms`;
}

export const passwordLines: Attack[] = [
  { number: 1, title: 'a password of 7 characters', needs: [], run: shortPassword },
  { number: 2, title: '64 emoji of four bytes each', needs: [], run: emojiPassword },
  { number: 3, title: 'two passwords that differ at byte 73', needs: [], run: longPassword },
  { number: 4, title: 'a NUL inside a password', needs: [], run: nulPassword },
  { number: 5, title: 'one kind of characters only; spaces at the ends', needs: [], run: anyComposition },
  { number: 6, title: 'a leaked password, the address, the name', needs: [], run: leakedPassword },
  { number: 7, title: 'a password of 1 MB', needs: [], run: hugePassword },
  {
    number: 14,
    title: 'a stored hash of an old or an absurd cost',
    needs: ['database'],
    run: storedPassword,
  },
];
