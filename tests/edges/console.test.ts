// The operator's console as a browser meets it: the login, its limits, and what can be done by hand.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { safeNext } from '#api/operator/login.ts';
import { type EdgeApp, openEdgeApp, operatorToken, origin } from './edge-app.ts';

let app: EdgeApp;
beforeAll(async () => {
  app = await openEdgeApp('console', { TRUSTED_PROXIES: '127.0.0.1' });
});
afterAll(() => app?.close());

const logIn = (token: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  app.call('POST', '/operator/login', {
    token: null,
    headers,
    body: new URLSearchParams({ token, ...fields }),
  });

async function openConsole(): Promise<string> {
  const answer = await logIn(operatorToken);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0]!;
}

const visit = (path: string, cookie: string) =>
  app.call('GET', path, { token: null, headers: { cookie, accept: 'text/html' } });
const submit = (path: string, cookie: string, fields: Record<string, string> = {}) =>
  app.call('POST', path, { token: null, headers: { cookie, origin }, body: new URLSearchParams(fields) });

describe('the login', () => {
  test('with the token opens a session that scripts of pages cannot read, and leads where one wanted to go', async () => {
    const answer = await logIn(operatorToken, { next: '/operator/queues?x=1' }, { origin });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/operator/queues?x=1']);
    const cookie = answer.headers.get('set-cookie')!;
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).toMatch(/Path=\/operator/);
    expect(cookie).not.toContain(operatorToken);
    expect((await visit('/operator/', cookie.split(';')[0]!)).status).toBe(200);
  });

  test('with anything else is 401 and a page that says so', async () => {
    for (const wrong of ['', 'wrong', `${operatorToken}x`, operatorToken.slice(0, -1)]) {
      const answer = await logIn(wrong);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('set-cookie')).toBeNull();
      expect(await answer.text()).toContain('This is not the operator token.');
    }
    await logIn(operatorToken);
  });

  test('sent by a page of another origin is refused', async () => {
    expect((await logIn(operatorToken, {}, { origin: 'https://evil.test' })).status).toBe(403);
  });

  test('is closed to an address after ten wrong tokens at the same moment, and open to others', async () => {
    const from = (address: string) => ({ 'x-forwarded-for': address });
    const guesses = await Promise.all(
      Array.from({ length: 30 }, (_, i) => logIn(`guess-${i}`, {}, from('203.0.113.7'))),
    );
    expect(guesses.filter((answer) => answer.status === 401).length).toBe(10);
    const late = await logIn(operatorToken, {}, from('203.0.113.7'));
    expect(late.status).toBe(429);
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await logIn(operatorToken, {}, from('203.0.113.8'))).status).toBe(303);
  });

  test.each([
    ['https://evil.test/operator/', '/operator/'],
    ['//evil.test/operator/', '/operator/'],
    ['/operator/../../w/acme', '/operator/'],
    ['/operator/\\evil.test', '/operator//evil.test'],
    ['javascript:alert(1)', '/operator/'],
    ['/operator/queues/queue/spend?status=failed', '/operator/queues/queue/spend?status=failed'],
    [undefined, '/operator/'],
  ])('asked to lead to %s leads to %s', (next, expected) => {
    expect(safeNext(next)).toBe(expected);
  });
});

describe('a session', () => {
  test('that was made up, changed or has run out is none', async () => {
    const cookie = await openConsole();
    const [name, value = ''] = cookie.split('=');
    const [expires = '', signature = ''] = value.split('.');
    const forged = [
      `${Number(expires) + 1}.${signature}`,
      `1.${signature}`,
      `${expires}.`,
      `${expires}.${'A'.repeat(43)}`,
      'NaN.x',
    ];
    for (const each of forged) {
      const answer = await app.call('GET', '/operator/', {
        token: null,
        headers: { cookie: `${name}=${each}` },
      });
      expect(answer.status, each).toBe(401);
    }
  });

  test('does not make a wrong token right', async () => {
    const headers = { cookie: await openConsole() };
    expect((await app.call('GET', '/operator/tenants', { headers, token: 'wrong' })).status).toBe(401);
    expect((await app.call('GET', '/operator/tenants', { headers, token: null })).status).toBe(200);
  });

  test('changes nothing for a page of another origin, and ends at the logout', async () => {
    const cookie = await openConsole();
    const json = { slug: 'forged', name: 'Forged' };
    for (const headers of [{ cookie }, { cookie, origin: 'https://evil.test' }]) {
      const answer = await app.call('POST', '/operator/tenants', { token: null, headers, json });
      expect([answer.status, (await answer.json()).code]).toEqual([403, 'cross_origin']);
    }
    const out = await submit('/operator/logout', cookie);
    expect(out.headers.get('set-cookie')).toMatch(/coinlane_operator=;.*Max-Age=0/);
  });
});

describe('the console', () => {
  test('says that there are no tenants, creates one, and shows its key this once', async () => {
    const cookie = await openConsole();
    expect(await (await visit('/operator/', cookie)).text()).toContain('There are no tenants here yet');
    const made = await submit('/operator/console/tenants', cookie, {
      slug: 'acme',
      name: 'Acme <b>Games</b>',
      coinCode: '',
      coinName: '',
      coinSymbol: '',
    });
    const page = await made.text();
    expect(made.status).toBe(201);
    const key = /sk_acme_[\w-]{43}/.exec(page)?.[0];
    expect(await app.services.tenants.findKey(key ?? '')).toMatchObject({ tenant: 'acme' });
    expect(page).toContain('Acme &lt;b&gt;Games&lt;/b&gt;');
    expect(await (await visit('/operator/', cookie)).text()).not.toContain(key!);
  });

  test('keeps what was typed and names what is wrong with it', async () => {
    const cookie = await openConsole();
    const answer = await submit('/operator/console/tenants', cookie, {
      slug: 'Not A Slug',
      name: '"quoted"',
      coinCode: 'GEM',
    });
    const page = await answer.text();
    expect(answer.status).toBe(422);
    expect(page).toContain('slug: must be 2 to 31');
    expect(page).toContain('coin/name:');
    expect(page).toContain('value="&quot;quoted&quot;"');
    const taken = await submit('/operator/console/tenants', cookie, { slug: 'acme', name: 'Again' });
    expect([taken.status, await taken.text()]).toEqual([409, expect.stringContaining('The slug is taken')]);
  });

  test('suspends and resumes, and checks the books', async () => {
    const cookie = await openConsole();
    const suspended = await submit('/operator/console/tenants/acme/suspend', cookie);
    expect(await suspended.text()).toContain('Tenant acme is suspended now.');
    expect((await app.services.tenants.find('acme'))?.status).toBe('suspended');
    const closed = await app.call('GET', '/w/acme', { token: null });
    expect([closed.status, await closed.text()]).toEqual([
      403,
      expect.stringContaining('closed at the moment'),
    ]);
    await submit('/operator/console/tenants/acme/resume', cookie);
    expect((await app.services.tenants.find('acme'))?.status).toBe('active');
    const books = await (await visit('/operator/?integrity=acme', cookie)).text();
    expect(books).toContain('The books of acme are in order.');
    expect((await visit('/operator/?integrity=nobody', cookie)).status).toBe(404);
  });

  test('shows tenants in pages', async () => {
    const cookie = await openConsole();
    await app.services.db.owner.query(
      `insert into coinlane.tenants (slug, name, status, coin)
       select 'many-' || lpad(i::text, 3, '0'), 'Many', 'active', '{"code":"C","name":"C","symbol":"C"}' from generate_series(1, 30) i`,
    );
    const first = await (await visit('/operator/', cookie)).text();
    const next = /href="(\/operator\/\?after=[^"]+)"/.exec(first)?.[1];
    const second = await (await visit(next!, cookie)).text();
    const slugs = [...`${first}${second}`.matchAll(/<code>([a-z0-9-]+)<\/code>/g)].map((match) => match[1]);
    expect(slugs.length).toBe(31);
    expect(new Set(slugs).size).toBe(31);
  });

  test('links to the mail catcher where there is one', async () => {
    const cookie = await openConsole();
    expect(await (await visit('/operator/', cookie)).text()).not.toContain('/operator/mail');
    app.deps.consoleLinks.push({ label: 'Mail', href: '/operator/mail' });
    expect(await (await visit('/operator/', cookie)).text()).toContain('href="/operator/mail"');
  });
});
