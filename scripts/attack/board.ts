// Line 54: the queue board and the console without a login, or by a browser on somebody else's page.
import type { Ground } from './ground.ts';
import { type Attack, expectAnswer, expectThat } from './line.ts';

/** Where the door is open after all, nothing is behind it: an attack must not stop a deployment's queue. */
const noQueue = 'there-is-no-such-queue';

async function queueBoard(ground: Ground): Promise<string> {
  const { operatorToken, url } = ground.stage.target;
  const board = '/operator/queues';
  const doors = [
    board,
    `${board}/api/queues`,
    `${board}/static/js/main.js`,
    '/operator/tenants',
    '/operator/',
  ];
  for (const path of doors) expectAnswer('anonymous', await ground.send('GET', path), 401);
  const actions = ['pause', 'empty', 'clean/completed', 'retry/failed'];
  for (const action of actions) {
    const path = `${board}/api/queues/${noQueue}/${action}`;
    expectAnswer('anonymous', await ground.send('PUT', path), 401);
  }
  const form = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin };
  const body = new URLSearchParams({ token: operatorToken, next: '/operator/' }).toString();
  const login = await ground.send('POST', '/operator/login', { body, headers: form });
  expectAnswer('the operator logs in', login, 303);
  const cookies = login.headers['set-cookie'] ?? [];
  for (const each of cookies) {
    expectThat(
      'the cookie',
      /HttpOnly/i.test(each) && /SameSite=(Lax|Strict)/i.test(each),
      'HttpOnly, SameSite',
      each.replace(/=[^;]*/, '=…'),
    );
  }
  const cookie = cookies.map((each) => each.split(';')[0]).join('; ');
  const foreign: Record<string, string>[] = [
    { cookie, origin: 'https://evil.attack.example' },
    { cookie, origin: 'null' },
    { cookie, 'sec-fetch-site': 'cross-site' },
    { cookie, 'sec-fetch-site': 'same-site', origin: url },
    { cookie },
  ];
  for (const headers of foreign.slice(0, 4)) {
    for (const [method, path] of [
      ['PUT', `${board}/api/queues/${noQueue}/pause`],
      ['POST', '/operator/tenants'],
    ] as const) {
      const answer = await ground.send(method, path, { headers, body: {} });
      expectAnswer(
        `a change from ${headers.origin ?? headers['sec-fetch-site']}`,
        answer,
        '403 cross_origin',
      );
    }
  }
  expectAnswer('the board with the session', await ground.send('GET', board, { headers: { cookie } }), 200);
  return expectCleanJobs(ground);
}

/** Makes jobs of every kind, and reads all that the board shows of them. */
async function expectCleanJobs(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const user = await ground.newUser(tenant);
  await ground.grant(tenant, user.id, 5);
  expectAnswer('a spend', await ground.spend(user.token, { amount: 1 }), 201);
  await ground.send('POST', '/password/forgot', { tenant: tenant.slug, body: { email: user.email } });
  const secrets = [user.password, user.token, user.refreshToken, tenant.secretKey, user.email];
  let jobs = 0;
  for (const queue of ['purchase', 'spend', 'refund', 'provider', 'email', 'webhook']) {
    const query = `activeQueue=${queue}&status=latest&page=1&jobsPerPage=50`;
    const answer = await ground.operator('GET', `/operator/queues/api/queues?${query}`);
    expectAnswer('the jobs', answer, 200);
    for (const secret of secrets) {
      expectThat(
        `what the jobs of ${queue} hold`,
        !answer.text.includes(secret),
        'ids only',
        'a secret or an address',
      );
    }
    const shown = (answer.body.queues as { name: string; jobs: unknown[] }[]).find(({ name }) =>
      name.endsWith(queue),
    );
    jobs += shown?.jobs.length ?? 0;
    for (const job of shown?.jobs ?? []) {
      const text = JSON.stringify(job);
      expectThat(
        `a job of ${queue}`,
        !/"(password|token|refreshToken|secretKey)"\s*:/.test(text),
        'no such member',
        'one',
      );
    }
  }
  expectThat('jobs that were looked at', jobs > 0, 'some', jobs);
  return `${jobs} jobs hold ids and sealed values only`;
}

export const boardLine: Attack = {
  number: 54,
  title: 'the queue board without login, or from another site',
  needs: [],
  run: queueBoard,
};
