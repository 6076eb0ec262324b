// The console's page of held operations: what waits, why, and the two ways on; in a real browser where there is one.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { browserPath, openBrowser } from '#tests/support/browser.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { openWatched } from './watched.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('velocity_console', { backend: backends[0]! });
});
afterAll(() => system?.close());

const rules = [
  { kind: 'spend', seconds: 3600, amount: 50, action: 'review' },
  { kind: 'buy', seconds: 3600, amount: 50, action: 'review' },
];

test.for([360, 1100])(
  'an operator releases and refuses what is held, on a screen of %d pixels',
  { timeout: 60_000 },
  async (width, ctx) => {
    if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
    const watched = await openWatched(system, { rules }, 1000);
    const visit = await openBrowser(system.url, width);
    try {
      const { page } = visit;
      const look = (name: string) => visit.look(`console-${name}-${width}`);
      await page.goto(`${system.url}/operator/console/tenants/${watched.tenant.slug}/held-operations`);
      await page.fill('#token', operatorToken);
      await page.press('#token', 'Enter');
      await page.getByText('Nothing waits for you.').waitFor();
      await look('held-empty');

      const spends = [await watched.spend(60), await watched.spend(700)];
      await watched.buy();
      await page.locator('.tabs').getByRole('link', { name: 'Overview' }).click();
      const count = page.locator('.facts div', { hasText: 'Operations held' }).locator('dd');
      expect(await count.textContent()).toBe('3');
      await count.getByRole('link').click();
      const lines = page.locator('tbody tr');
      expect(await lines.count()).toBe(3);
      expect(await lines.first().textContent()).toMatch(/purchase of 100 coins for EUR.0\.99 by sandbox/);
      await look('held');

      const line = (text: string) => lines.filter({ hasText: text });
      expect(await line('spend of 60 coins').textContent()).toContain(
        '60 coins by spend within 1 hour, 50 allowed',
      );
      await line('spend of 60 coins').getByRole('button', { name: 'Release' }).click();
      await page.getByText('The operation goes on').waitFor();
      await line('spend of 700 coins').getByRole('button', { name: 'Refuse' }).click();
      await page.getByText('The operation is refused.').waitFor();
      await look('held-decided');
      expect(await lines.count()).toBe(1);
      const statusOf = async (index: number) =>
        (await watched.get(`/operations/${spends[index]?.body.id}`)).body.status;
      await expect.poll(() => statusOf(0)).toBe('applied');
      expect(await statusOf(1)).toBe('rejected');

      await watched.decide((await watched.held()).body.data[0].id, 'refuse');
      await lines.getByRole('button', { name: 'Release' }).click();
      await page.getByText('The operation does not wait for a review').waitFor();
      expect(visit.faults).toEqual([]);
    } finally {
      await visit.close();
    }
  },
);
