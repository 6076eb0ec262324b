// Guessing passwords: what one address, one account and one device may try, counted by all processes together.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLimits, type Limits } from '#api/limits/limits.ts';
import { backends } from '#tests/support/backends.ts';
import { type Answer, call, createTenant, registerUser } from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { address, from, outcomeOf, tally, tenantOf, times } from './ground.ts';

const password = 'correct horse battery';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let limits: Limits;
  beforeAll(async () => {
    const settings = { TRUSTED_PROXIES: '127.0.0.1' };
    system = await startSystem(`limits_login_${backend.name}`, { backend, workers: false, settings });
    ({ limits } = system.api.deps);
  });
  afterAll(() => system?.close());

  const newTenant = async (rates: object = {}) => {
    const tenant = await createTenant(system.url, uniqueSlug('lim'), { limits: rates });
    return { ...tenant, found: await tenantOf(system, tenant.slug) };
  };
  const logIn = (tenant: string, body: object, address: string): Promise<Answer> =>
    call('POST', `${system.url}/login`, { tenant, body, headers: { 'x-forwarded-for': address } });

  test('10 thirty guesses at one account at the same moment: ten reach the password', async () => {
    const tenant = await newTenant();
    const user = await registerUser(system.url, tenant);
    const guess = (i: number) =>
      logIn(tenant.slug, { email: user.email, password: `guess-${i}` }, '203.0.113.5');
    const answers = await Promise.all(times(30, guess));
    expect(answers.map((answer) => answer.status).sort()).toEqual([
      ...times(10, () => 401),
      ...times(20, () => 429),
    ]);
    const refused = await guess(31);
    expect(refused.body).toMatchObject({ code: 'rate_limited', status: 429 });
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(880);
    expect(seconds).toBeLessThanOrEqual(900);
    // draft-ietf-httpapi-ratelimit-headers-10
    expect(refused.headers.get('ratelimit-policy')).toBe('"login";q=10;w=900');
    expect(refused.headers.get('ratelimit')).toBe(`"login";r=0;t=${seconds}`);
    // The right password is refused there, too, and welcome from elsewhere.
    const right = { email: user.email, password };
    expect((await logIn(tenant.slug, right, '203.0.113.5')).status).toBe(429);
    const welcome = await logIn(tenant.slug, right, '203.0.113.6');
    expect([welcome.status, welcome.headers.get('ratelimit-policy')]).toEqual([200, '"login";q=10;w=900']);
    expect(welcome.headers.get('ratelimit')).toMatch(/^"login";r=10;t=\d+$/);
  });

  test('10 a wrong password and an unknown address tell nothing of their counts', async () => {
    const tenant = await newTenant();
    const wrong = await logIn(tenant.slug, { email: 'nobody@example.com', password }, '203.0.113.7');
    expect([wrong.status, wrong.headers.get('ratelimit'), wrong.headers.get('ratelimit-policy')]).toEqual([
      401,
      null,
      null,
    ]);
  });

  test('10 the guesses of several processes are one count', async () => {
    const { found } = await newTenant();
    const other = createLimits(system.services);
    const guess = (i: number) =>
      (i % 2 ? limits : other).login(from('203.0.113.8'), found, 'both@example.com');
    expect(await tally(30, guess)).toEqual({ passed: 10, login: 20 });
  });

  test('11 who burns an account locks out strangers, and no device that it knows', async () => {
    const tenant = await newTenant({ loginPerAccount: { count: 5, seconds: 3600 } });
    const user = await registerUser(system.url, tenant);
    const home = '203.0.113.10';
    const { deviceToken } = (await logIn(tenant.slug, { email: user.email, password }, home)).body;
    // From the very address of the victim, and from elsewhere.
    for (const [i, at] of [home, home, address(1), address(2), address(3), home].entries()) {
      const answer = await logIn(tenant.slug, { email: user.email, password: 'wrong' }, at);
      expect(answer.status).toBe(i < 5 ? 401 : 429);
    }
    expect((await logIn(tenant.slug, { email: user.email, password }, home)).status).toBe(429);
    const known = await logIn(tenant.slug, { email: user.email, password, deviceToken }, home);
    expect(known.status).toBe(200);
    // Its success says nothing about the strangers: they stay out.
    expect((await logIn(tenant.slug, { email: user.email, password }, address(9))).status).toBe(429);
  });

  test('11 who proved by mail who they are is let in, whatever strangers and they themselves got wrong', async () => {
    const { found } = await newTenant({ loginPerAccount: { count: 12, seconds: 3600 } });
    const guess = (at: string) => () => limits.login(from(at), found, 'mailbox@example.com');
    expect(await tally(12, guess(address(1)))).toEqual({ passed: 10, login: 2 });
    expect(await tally(4, guess(address(2)))).toEqual({ passed: 2, 'login-account': 2 });
    await limits.recovered(from(address(1)), found, 'mailbox@example.com');
    expect(await tally(1, guess(address(1)))).toEqual({ passed: 1 });
  });

  test('11 a stolen device token guesses no more than strangers do', async () => {
    const { found } = await newTenant({
      loginPerAccountAndAddress: { count: 4, seconds: 2 },
      loginPerAccount: { count: 6, seconds: 3600 },
    });
    const guess = (i: number) => limits.login(from(address(i)), found, 'stolen@example.com', 'device-1');
    expect(await tally(20, guess)).toEqual({ passed: 4, 'login-device': 16 });
    // Counts of other devices, and of strangers, are their own.
    expect(await outcomeOf(limits.login(from(address(1)), found, 'stolen@example.com', 'device-2'))).toBe(
      'passed',
    );
    expect(await outcomeOf(limits.login(from(address(1)), found, 'stolen@example.com'))).toBe('passed');
    await until('the short window is over', async () => (await outcomeOf(guess(0))) === 'passed');
    // However often that ends, six is all within the long one.
    expect((await tally(20, guess)).passed).toBe(1);
    expect(await outcomeOf(guess(0))).toMatch(/^login-device/);
  });

  test('12 guesses from many addresses at one account: a hundred reach the password, then all are refused alike', async () => {
    const tenant = await newTenant();
    const user = await registerUser(system.url, tenant);
    const strange = (i: number) => limits.login(from(address(i)), tenant.found, user.email);
    expect(await tally(92, strange)).toEqual({ passed: 92 });
    const guess = (i: number) =>
      logIn(tenant.slug, { email: user.email, password: 'wrong' }, address(200 + i));
    const statuses = (await Promise.all(times(30, guess))).map((answer) => answer.status);
    expect(statuses.sort()).toEqual([...times(8, () => 401), ...times(22, () => 429)]);
    // An account that does not exist is locked by the same number of guesses, with the same answer.
    const unknown = (i: number) => limits.login(from(address(i)), tenant.found, 'nobody@example.com');
    expect(await tally(101, unknown)).toEqual({ passed: 100, 'login-account': 1 });
    const told = async (email: string) => {
      const { status, body, headers } = await logIn(tenant.slug, { email, password }, '203.0.113.12');
      const { requestId: _, detail, ...rest } = body;
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(86_000);
      const names = [...headers.keys()].filter((name) => name !== 'date');
      return {
        status,
        rest,
        detail: detail.replace(/\d+/, 'N'),
        names,
        policy: headers.get('ratelimit-policy'),
      };
    };
    expect(await told('nobody@example.com')).toEqual(await told(user.email));
    const { rows } = await system.services.db.owner.query(
      "select actor, target, detail::text from coinlane.audit where tenant = $1 and action = 'login.locked'",
      [tenant.slug],
    );
    // One for each account, however many tries were refused; nobody's address or e-mail stands in it.
    expect(rows).toEqual(times(2, () => ({ actor: 'system', target: null, detail: '{}' })));
  });

  test('12 a success of a stranger ends the row', async () => {
    const { found } = await newTenant({ loginPerAccount: { count: 5, seconds: 3600 } });
    const guess = (i: number) => limits.login(from(address(i)), found, 'row@example.com');
    for (let i = 0; i < 4; i += 1) await guess(i);
    await (await guess(4)).succeeded();
    expect(await tally(8, (i) => guess(10 + i))).toEqual({ passed: 5, 'login-account': 3 });
  });

  test('13 one address over hundreds of accounts is refused after its rate, and others are not', async () => {
    const { found } = await newTenant();
    const guess = (i: number) => limits.login(from('203.0.113.20'), found, `user-${i}@example.com`);
    expect(await tally(200, guess)).toEqual({ passed: 100, 'login-address': 100 });
    expect(await outcomeOf(limits.login(from('203.0.113.21'), found, 'user-1@example.com'))).toBe('passed');
  });

  test('13 52 all of a /64 is one address, and so is a mapped one', async () => {
    const { found } = await newTenant({ loginPerAddress: { count: 5, seconds: 60 } });
    const at = (address: string, i: number) => limits.login(from(address), found, `six-${i}@example.com`);
    expect(await tally(12, (i) => at(`2001:db8:5:5:${i + 1}::${i}`, i))).toEqual({
      passed: 5,
      'login-address': 7,
    });
    expect(await outcomeOf(at('2001:db8:5:6::1', 1))).toBe('passed');
    expect(await tally(12, (i) => at(i % 2 ? '203.0.113.30' : '::ffff:cb00:711e', i))).toEqual({
      passed: 5,
      'login-address': 7,
    });
  });

  test('13 one address over many tenants is refused after three times the default of one', async () => {
    const tenants = await Promise.all(times(4, () => newTenant()));
    const guess = (i: number) =>
      limits.login(from('203.0.113.40'), tenants[i % 4]!.found, `user-${i}@example.com`);
    expect(await tally(320, guess)).toEqual({ passed: 300, 'login-address-all': 20 });
    // A tenant that expects more of one address, because its own server logs users in, gets what it set.
    const { found } = await newTenant({ loginPerAddress: { count: 305, seconds: 600 } });
    const more = (i: number) => limits.login(from('203.0.113.40'), found, `more-${i}@example.com`);
    expect(await tally(10, more)).toEqual({ passed: 5, 'login-address-all': 5 });
  });

  describe('neighbours at one address', () => {
    test('lose nothing by right passwords, however many', async () => {
      const { found } = await newTenant({ loginPerAddress: { count: 5, seconds: 600 } });
      for (let i = 0; i < 20; i += 1) {
        await (await limits.login(from('203.0.113.50'), found, `user-${i}@example.com`)).succeeded();
      }
      expect(await outcomeOf(limits.login(from('203.0.113.50'), found, 'last@example.com'))).toBe('passed');
    });

    test('lose only the guesses that were looked at to one who hammers an account', async () => {
      const { found } = await newTenant({ loginPerAddress: { count: 15, seconds: 600 } });
      const hammer = () => limits.login(from('203.0.113.51'), found, 'victim@example.com');
      expect(await tally(200, hammer)).toEqual({ passed: 10, login: 190 });
      const rest = (i: number) => limits.login(from('203.0.113.51'), found, `user-${i}@example.com`);
      expect(await tally(8, rest)).toEqual({ passed: 5, 'login-address': 3 });
    });

    test('are not cleared by one who owns an account and guesses at others', async () => {
      const { found } = await newTenant({ loginPerAddress: { count: 10, seconds: 600 } });
      const passed: string[] = [];
      for (let i = 0; i < 12; i += 1) {
        passed.push(await outcomeOf(limits.login(from('203.0.113.52'), found, `victim-${i}@example.com`)));
        if (i < 9) await (await limits.login(from('203.0.113.52'), found, 'own@example.com')).succeeded();
      }
      expect(passed.filter((each) => each === 'passed')).toHaveLength(10);
    });

    test('in a burst leave nothing behind but wrong guesses, neither those let in nor those sent away', async () => {
      const { found } = await newTenant({ loginPerAddress: { count: 10, seconds: 600 } });
      const burst = await Promise.allSettled(
        times(25, (i) => limits.login(from('203.0.113.53'), found, `user-${i}@example.com`)),
      );
      const inside = burst.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      expect(inside).toHaveLength(10);
      // Told twice, a success gives back once: the two that were wrong stay counted.
      const right = inside.slice(2);
      await Promise.all(right.flatMap((attempt) => [attempt.succeeded(), attempt.succeeded()]));
      const next = (i: number) => limits.login(from('203.0.113.53'), found, `next-${i}@example.com`);
      expect(await tally(12, next)).toEqual({ passed: 8, 'login-address': 4 });
    });
  });

  test('a try whose password was never looked at counts nowhere', async () => {
    const { found } = await newTenant({ loginPerAccount: { count: 3, seconds: 600 } });
    const guess = (i: number) => limits.login(from(address(i)), found, 'busy@example.com');
    for (let i = 0; i < 6; i += 1) await (await guess(i)).abandoned();
    expect(await tally(5, guess)).toEqual({ passed: 3, 'login-account': 2 });
  });
});
