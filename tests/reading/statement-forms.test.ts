// Statements as CSV and as a page: they harm no spreadsheet and no browser, and are whole however long.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { type Books, openBooks, type Reader, startBooks } from './books.ts';

let system: System;
let books: Books;
beforeAll(async () => {
  system = await startBooks('statement-forms');
  books = await openBooks(system);
});
afterAll(() => system?.close());

const readText = async (user: Reader, query: Record<string, string>) => {
  const answer = await books.get(`/wallet/statement?${new URLSearchParams(query)}`, user.token);
  expect(answer.status).toBe(200);
  return answer.body;
};
/** RFC 4180, read the strict way. */
function parse(text: string): string[][] {
  expect(text.endsWith('\r\n')).toBe(true);
  const cells = [...text.matchAll(/("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/g)];
  expect(cells.map(([whole]) => whole).join('')).toBe(text);
  const rows: string[][] = [[]];
  for (const [, cell = '', end] of cells) {
    rows.at(-1)?.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end !== ',') rows.push([]);
  }
  return rows.slice(0, -1);
}

test('as CSV it is RFC 4180, and what begins like a formula is text', async () => {
  const user = await books.openReader();
  const wicked = [
    '=1+1',
    '+2',
    '-3',
    '@SUM(A1)',
    '＝1+1',
    '\t=4',
    'say "hi", please',
    'two\r\nlines',
    "it's",
  ];
  await books.grant(user, 100);
  for (const reference of wicked) await books.spend(user, 1, { reference });
  const answer = await books.get('/wallet/statement?format=csv', user.token);
  expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
  expect(answer.headers.get('content-disposition')).toMatch(
    /^attachment; filename="statement-[a-z0-9-]+\.csv"$/,
  );
  const [header, opening, ...rest] = parse(answer.body);
  expect(header).toEqual([
    'record',
    'time',
    'kind',
    'amount',
    'balance',
    'version',
    'operation_id',
    'item',
    'reference',
  ]);
  expect(opening?.slice(0, 6)).toEqual(['opening', '', '', '', '0', '0']);
  const lines = rest.filter(([record]) => record === 'line');
  expect(lines.slice(1).map((cells) => cells.at(-1))).toEqual([
    ...wicked.slice(0, 6).map((text) => `'${text}`),
    ...wicked.slice(6),
  ]);
  expect(lines.every((cells) => cells.length === 9 && /^-?\d+$/.test(cells[3] ?? ''))).toBe(true);
  expect(rest.filter(([record]) => record === 'total').map((cells) => cells.slice(2, 4))).toEqual([
    ['grant', '100'],
    ['spend', `-${wicked.length}`],
  ]);
  const left = String(100 - wicked.length);
  const closing = ['closing', expect.stringMatching(/Z$/), '', left, left, String(1 + wicked.length)];
  expect(rest.at(-1)?.slice(0, 6)).toEqual(closing);
});

test('as a page it escapes what others wrote, loads nothing and allows no script', async () => {
  const user = await books.openReader();
  await books.sql(`update users set name = '<b>bold</b>' where id = $1`, [user.id]);
  await books.grant(user, 10, { reference: '<script>alert(1)</script>' });
  const answer = await books.get('/wallet/statement?format=html', user.token);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = answer.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; style-src 'nonce-[^']+'; base-uri 'none'$/);
  expect(answer.body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(answer.body).not.toMatch(/<script|<b>|https?:|url\(|@import|<link|<img/i);
  expect(answer.body.trimEnd().endsWith('</html>')).toBe(true);
});

test('a long one comes in many pieces, whole in every form', async () => {
  const user = await books.openReader();
  await books.grant(user, 3);
  await books.sql(
    `with o as (insert into operations (id, kind, status, due, wallet_id, user_id, amount, idempotency_key, body_hash)
       select gen_random_uuid(), 'grant', 'applied', false, $1, $2, 1, gen_random_uuid()::text, ''
       from generate_series(4, 5003) returning id)
     insert into entries (operation_id, wallet_id, account, counter, amount, balance_after, version, lots)
     select id, $1, 'wallet', 'grants', 1, n + 2, n, '[]' from (select id, 1 + row_number() over () as n from o) r`,
    [user.walletId, user.id],
  );
  const [json, csv, page] = await Promise.all([
    readText(user, {}),
    readText(user, { format: 'csv' }),
    readText(user, { format: 'html' }),
  ]);
  expect(json.lines.map((line: { version: number }) => line.version)).toEqual(
    Array.from({ length: 5001 }, (_, n) => n + 1),
  );
  expect(json).toMatchObject({
    opening: 0,
    closing: 5003,
    totals: [{ kind: 'grant', count: 5001, amount: 5003 }],
  });
  expect(parse(csv).filter(([record]) => record === 'line')).toHaveLength(5001);
  expect(page.match(/<tr><td>/g)?.length).toBe(5001 + json.totals.length);
});
