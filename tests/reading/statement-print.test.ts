// A statement printed by a browser: A4 pages with their numbers and repeated heads, and nothing asked of the network.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { browserPath } from '#tests/support/browser.ts';
import type { System } from '#tests/support/system.ts';
import { openBooks, startBooks } from './books.ts';

const shots = process.env.SCREENSHOTS;

let system: System;
beforeAll(async () => {
  system = await startBooks('statement-print');
});
afterAll(() => system?.close());

test('prints on A4, page by page, under the policy that it carries', {
  timeout: 120_000,
}, async (context) => {
  if (!browserPath) return context.skip("no Chromium here: install Debian's chromium to run this story");
  const books = await openBooks(system);
  const [user, other] = [await books.openReader(), await books.openReader()];
  await books.sql(`update users set name = 'Ada Lovelace' where id = $1`, [user.id]);
  await books.buy(user);
  await books.grant(user, 400, { bucket: 'bonus', reference: 'welcome' });
  for (let n = 0; n < 45; n += 1) {
    await books.spend(user, (n % 5) + 1, {
      reference: n % 9 === 0 ? 'a rather long reference '.repeat(6) : `order-${n}`,
    });
  }
  await books.transfer(user, [[other, 10]], 2);
  const answer = await books.get('/wallet/statement?format=html', user.token);
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith('data:') && request.url() !== 'about:blank') faults.push(request.url());
    });
    page.on('console', (message) => faults.push(message.text()));
    await page.setContent(answer.body);
    // The style holds under the page's own policy.
    const border = await page.evaluate(
      "getComputedStyle(document.querySelector('header')).borderBottomStyle",
    );
    expect(border).toBe('solid');
    const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true });
    if (shots) await writeFile(join(shots, 'statement.pdf'), pdf);
    const text = pdf.toString('latin1');
    expect(text.startsWith('%PDF-')).toBe(true);
    const sizes = [...text.matchAll(/\/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)\s*\]/g)];
    expect(sizes.length).toBeGreaterThan(1);
    for (const [, width, height] of sizes) {
      // A4 in points.
      expect([Math.round(Number(width)), Math.round(Number(height))]).toEqual([595, 842]);
    }
    expect(faults).toEqual([]);
  } finally {
    await browser.close();
  }
});
