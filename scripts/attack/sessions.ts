// Lines 30 to 34: refresh tokens that are stolen, raced, replayed or too old, and sessions that are over.
import { decodeJwt } from 'jose';
import type { AttackTenant, AttackUser, Ground } from './ground.ts';
import { newPassword } from './ground.ts';
import type { Answer } from './http.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';

/** Milliseconds after a rotation within which the old token still gets its successor, and then some. */
const graceMs = 10_500;

/** Another process hears of it by a notification; without one it would look after five seconds. */
const soonMs = 2000;

const sessionOf = (token: string) => String(decodeJwt(token).sid);

async function logIn(ground: Ground, tenant: AttackTenant, { email, password }: AttackUser): Promise<Answer> {
  const answer = await ground.login(tenant, { email, password });
  expectAnswer('another login', answer, 200);
  return answer;
}

async function reusedToken(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  const bystander = (await logIn(ground, tenant, user)).body;
  const { slug } = tenant;
  const next = await ground.refresh(user.refreshToken);
  expectAnswer('a refresh', next, 200);
  if (ground.has('database')) await ground.database.ageSession(slug, sessionOf(user.token), graceMs / 1000);
  else await new Promise((resolve) => setTimeout(resolve, graceMs));
  expectAnswer('the thief refreshes after the grace', await ground.refresh(user.refreshToken), '401');
  expectAnswer('the successor of the stolen token', await ground.refresh(next.body.refreshToken), '401');
  for (const token of [user.token, next.body.accessToken]) {
    expectAnswer('an access token of the family', await ground.spend(token, { amount: 1 }), '401');
  }
  expectAnswer('another session of the user', await ground.profile(bystander.accessToken), 200);
  const audit = await ground.operator('GET', `/operator/tenants/${slug}/audit?action=session.reuse`);
  expectAnswer('the audit', audit, 200);
  const targets = (audit.body.data as { target: string }[]).map(({ target }) => target);
  expectThat('the audit names the session', targets.includes(sessionOf(user.token)), 'its id', targets);
  await ground.part('mails', () =>
    ground.mail(
      user.email,
      'a warning of the reuse',
      ({ text }) => /session|sign(ed)?[- ]in|log(ged)?[- ]in/i.test(text) && !text.includes('verify-email'),
    ),
  );
  return 'the whole family is over, other sessions go on; audited and mailed';
}

async function racedRefresh(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const { refreshToken } = await ground.newUser(tenant);
  const answers = await Promise.all(Array.from({ length: 10 }, () => ground.refresh(refreshToken)));
  for (const answer of answers) expectAnswer('one of ten refreshes at once', answer, 200);
  const successors = new Set(answers.map(({ body }) => body.refreshToken));
  expectSame('successors', successors.size, 1);
  for (const { body } of answers) {
    expectAnswer('the access token of one of them', await ground.profile(body.accessToken), 200);
  }
  const [successor] = successors;
  expectAnswer('the successor', await ground.refresh(String(successor)), 200);
  return 'ten answers with one and the same successor';
}

async function replayedLogout(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  const other = (await logIn(ground, tenant, user)).body;
  const logout = await ground.send('POST', '/logout', { body: { refreshToken: user.refreshToken } });
  expectAnswer('a logout', logout, 204);
  for (let replay = 0; replay < 3; replay += 1) {
    expectAnswer('the refresh token of a logged-out session', await ground.refresh(user.refreshToken), '401');
    expectAnswer('its access token', await ground.profile(user.token), '401');
  }
  expectAnswer('another session of the user', await ground.profile(other.accessToken), 200);
  expectAnswer('a refresh of the other session', await ground.refresh(other.refreshToken), 200);
  return 'refused, and the other session goes on';
}

/** At this process at once; at another one as soon as it has heard, which must be soon. */
async function expectNoMoney(ground: Ground, what: string, token: string): Promise<void> {
  const here = await ground.spend(token, { amount: 1 });
  expectAnswer(`${what}: a spend`, here, '401 unauthenticated');
  if (!ground.has('second')) return;
  const there = await ground.poll(async () => {
    const answer = await ground.send('GET', `${ground.secondUrl}/wallet/balance`, { as: token });
    return answer.status === 401 && answer;
  }, soonMs);
  expectThat(
    `${what}: the wallet at another process`,
    there !== undefined,
    '401 within two seconds',
    'still open',
  );
}

async function endedSessions(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  await ground.grant(tenant, user.id, 100);
  const session = async () => {
    const { accessToken } = (await logIn(ground, tenant, user)).body;
    expectAnswer('a spend of a live session', await ground.spend(accessToken, { amount: 1 }), 201);
    if (ground.has('second')) {
      const there = await ground.send('GET', `${ground.secondUrl}/wallet/balance`, { as: accessToken });
      expectAnswer('a live session at another process', there, 200);
    }
    return String(accessToken);
  };
  const left = await session();
  expectAnswer('logout', await ground.send('POST', '/logout', { as: left }), 204);
  await expectNoMoney(ground, 'after logout', left);

  const stolen = await session();
  const body = { currentPassword: user.password, newPassword: newPassword() };
  const own = await session();
  expectAnswer('a password change', await ground.send('POST', '/password/change', { as: own, body }), 204);
  await expectNoMoney(ground, 'after a password change', stolen);
  user.password = body.newPassword;

  const banned = await session();
  const ban = await ground.operator('POST', `/operator/tenants/${tenant.slug}/users/${user.id}/ban`, {
    reason: 'attack',
  });
  expectAnswer('a ban', ban, 200, 201, 204);
  await expectNoMoney(ground, 'after a ban', banned);
  const again = await ground.login(tenant, { email: user.email, password: user.password });
  expectAnswer('a banned user logs in', again, 403);
  return ground.has('second') ? 'here at once, at another process within two seconds' : '';
}

async function oldSession(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  const id = sessionOf(user.token);
  const day = 24 * 3600;
  await ground.database.ageSession(tenant.slug, id, 29 * day);
  const last = await ground.refresh(user.refreshToken);
  expectAnswer('a refresh on day 29', last, 200);
  await ground.database.ageSession(tenant.slug, id, day + 60);
  expectAnswer('a refresh past day 30', await ground.refresh(last.body.refreshToken), '401 unauthenticated');
  return 'day 29 refreshes, day 30 does not, however often it was refreshed before';
}

export const sessionLines: Attack[] = [
  { number: 30, title: 'a refresh token used again after its grace', needs: [], run: reusedToken },
  { number: 31, title: 'ten refreshes at the same moment', needs: [], run: racedRefresh },
  { number: 32, title: 'a token of a logged-out session', needs: [], run: replayedLogout },
  { number: 33, title: 'coins after logout, ban or password change', needs: [], run: endedSessions },
  { number: 34, title: 'a session refreshed for ever', needs: ['database'], run: oldSession },
];
