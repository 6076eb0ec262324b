// Line 56: who did what is kept for good, can be read by who may, and holds nothing personal and no secret.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Queryable } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { type EdgeApp, openEdgeApp } from '#tests/edges/edge-app.ts';

let app: EdgeApp;
let secretKey: string;
beforeAll(async () => {
  app = await openEdgeApp('audit', { BCRYPT_COST: '4' });
  for (const slug of ['acme', 'other']) {
    const made = await app.call('POST', '/operator/tenants', { json: { slug, name: slug } });
    if (slug === 'acme') secretKey = (await made.json()).secretKey;
  }
});
afterAll(() => app?.close());

interface Line {
  id: string;
  actor: string;
  action: string;
  target: string | null;
  detail: object;
}
interface Page {
  data: Line[];
  nextCursor: string | null;
  hasMore: boolean;
}
const read = async (query = '', path = '/operator/tenants/acme/audit', token?: string): Promise<Page> => {
  const answer = await app.call('GET', `${path}${query}`, token === undefined ? {} : { token });
  expect(answer.status).toBe(200);
  return (await answer.json()) as unknown as Page;
};

describe('56 the audit log', () => {
  test('can be added to, and neither changed, emptied nor deleted, whoever asks', async () => {
    const { app: asApp, owner } = app.services.db;
    const pools: Queryable[] = [asApp, owner];
    for (const pool of pools) {
      for (const text of [
        `update coinlane.audit set actor = 'nobody'`,
        `delete from coinlane.audit`,
        `truncate coinlane.audit`,
      ]) {
        // The app's role lacks the right; the owner has it and meets the trigger.
        const code = pool === asApp ? '42501' : '23001';
        await expect(pool.query(text), text).rejects.toMatchObject({ code });
      }
    }
    await expect(asApp.query('alter table coinlane.audit disable trigger all')).rejects.toMatchObject({
      code: '42501',
    });
    expect((await read('?action=tenant.create')).data).toMatchObject([{ actor: 'operator:token' }]);
  });

  test('is listed newest first, page by page, by what it begins with, and per tenant', async () => {
    const { app: pool } = app.services.db;
    const line = (n: number, tenant = 'acme') =>
      insertAudit(pool, {
        tenant,
        actor: n % 2 ? 'user:1' : 'key:2',
        action: `list.${n % 3 ? 'a' : 'b_%'}`,
        target: `t${n}`,
      });
    for (let n = 0; n < 12; n += 1) await line(n);
    await line(99, 'other');
    const seen: Line[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = await read(`?action=list.&limit=5${cursor ? `&cursor=${cursor}` : ''}`);
      seen.push(...page.data);
      expect(page.hasMore).toBe(page.nextCursor !== null);
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen.map(({ target }) => target)).toEqual(Array.from({ length: 12 }, (_, n) => `t${11 - n}`));
    const targets = async (query: string) => (await read(query)).data.map(({ target }) => target);
    expect(await targets('?action=list.b_%25')).toEqual(['t9', 't6', 't3', 't0']);
    expect(await targets('?action=list.a&actor=user:')).toEqual(['t11', 't7', 't5', 't1']);
    expect(await targets('?target=t4')).toEqual(['t4']);
    expect(await targets('?action=list.&target=t99')).toEqual([]);
    for (const query of ['?cursor=abc', '?limit=0', '?action=', '?action=a%00b']) {
      const answer = await app.call('GET', `/operator/tenants/acme/audit${query}`);
      expect([answer.status, (await answer.json()).code], query).toEqual([422, 'invalid_input']);
    }
    expect((await app.call('GET', '/operator/tenants/nobody/audit')).status).toBe(404);
  });

  test('is the same for the platform', async () => {
    expect(await read('?limit=100', '/audit', secretKey)).toEqual(await read('?limit=100'));
  });

  test('56 audit: names who changed what, without what was typed', async () => {
    const typed = 'Ms Personal, personal@example.com';
    const email = 'personal@example.com';
    const made = await app.call('POST', '/register', {
      token: null,
      headers: { 'x-tenant': 'acme' },
      json: { email, password: 'correct horse battery', name: 'Ms Personal' },
    });
    const { user, accessToken } = (await made.json()) as unknown as {
      user: { id: string };
      accessToken: string;
    };
    const users = `/operator/tenants/acme/users/${user.id}`;
    const shown = (await (await app.call('GET', users)).json()) as unknown as { wallets: { id: string }[] };
    const freezes = `/operator/tenants/acme/wallets/${shown.wallets[0]!.id}/freezes`;
    await app.call('POST', freezes, { json: { note: typed } });
    await app.call('POST', '/password/change', {
      token: accessToken,
      json: { currentPassword: 'correct horse battery', newPassword: 'another horse battery' },
    });
    await app.call('POST', `${users}/ban`, { json: { reason: typed } });
    await app.call('POST', `/users/${user.id}/unban`, { token: secretKey });
    await app.call('DELETE', `${users}/sessions`);
    await app.call('GET', `${users}/export`);
    const settings = { stepUp: { spendAbove: 10, minutes: 10 } };
    await app.call('PATCH', '/operator/tenants/acme', { json: { settings } });
    await app.call('POST', `${users}/erase`);
    const { rows } = await app.services.db.owner.query<{ line: string; text: string }>(
      `select split_part(actor, ':', 1) || ' ' || action as line, to_jsonb(a)::text as text
       from coinlane.audit a where tenant = 'acme' and action not like 'list.%'
         and (target in ($1, $2) or action = 'tenant.change') order by id`,
      [user.id, shown.wallets[0]!.id],
    );
    expect(rows.map(({ line }) => line)).toEqual(
      expect.arrayContaining([
        ...['operator wallet.frozen', 'user user.password_change', 'operator user.ban', 'key user.unban'],
        ...['operator user.export', 'operator tenant.change', 'operator user.erase'],
      ]),
    );
    const all = await app.services.db.owner.query(`select to_jsonb(a)::text as text from coinlane.audit a`);
    const text = all.rows.map((row) => row.text).join('\n');
    for (const word of ['Personal', email, 'horse', accessToken, secretKey]) expect(text).not.toContain(word);
  });
});
