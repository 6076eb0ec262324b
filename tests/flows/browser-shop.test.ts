// The shop of the hosted wallet: bought, used up, sold out, too dear, refunded; and the operator sees what was sold.
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, signUp, type Visit } from '#tests/support/browser.ts';
import { call, createTenant, grant, integrity } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';

let system: System | undefined;
let visit: Visit | undefined;
afterEach(async () => {
  await visit?.close();
  await system?.close();
  visit = undefined;
  system = undefined;
});

const soon = { timeout: 20_000 };

test('a user buys items, uses one up and gives one back', { timeout: 120_000 }, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  system = await startSystem('browser-shop', { backend: backends[0] as TestBackend });
  const { url } = system;
  const items = [
    { id: 'potion', name: 'Healing potion', price: 15, kind: 'consumable' },
    { id: 'sword', name: 'Old sword', price: 40, kind: 'durable', perUser: 1, description: 'Rusty <b>but' },
    { id: 'crown', name: 'Crown', price: 900, kind: 'durable', stock: 1 },
    { id: 'relic', name: 'Relic', price: 1, kind: 'durable', stock: 0 },
    { id: 'mask', name: 'Mask', price: 1, kind: 'durable', from: '2100-01-01T00:00:00Z' },
  ];
  const tenant = await createTenant(url, 'arcade', { items });
  visit = await openBrowser(url, 360);
  const { page, look } = visit;
  const text = (selector: string) => page.locator(selector).textContent();
  const line = (name: string) => page.locator('#shop-lines li', { hasText: name });
  const owned = () => page.locator('#owned-lines li strong').allTextContents();

  await signUp(page, `${url}/w/arcade`);
  await line('Crown').waitFor(soon);
  await expect.poll(() => page.locator('#owned-card').isVisible(), soon).toBe(false);
  await expect.poll(() => line('Old sword').textContent(), soon).toContain('Rusty <b>but');
  await expect.poll(() => line('Relic').textContent(), soon).toContain('Sold out');
  await expect.poll(() => line('Mask').textContent(), soon).toContain('From ');
  await expect.poll(() => line('Mask').getByRole('button').isVisible(), soon).toBe(false);
  const { rows } = await system.services.db.owner.query<{ id: string }>(
    `select id from "tenant_arcade".users`,
  );
  await grant(url, tenant, rows[0]!.id, 100);

  await page.getByRole('button', { name: 'Buy Healing potion for 15 COIN' }).click();
  await expect.poll(() => text('#shop-say'), soon).toBe('Healing potion is yours.');
  await expect.poll(() => text('#balance'), soon).toBe('85');
  await page.getByRole('button', { name: 'Buy Old sword' }).click();
  await expect.poll(() => line('Old sword').textContent(), soon).toContain('Yours');
  await expect.poll(owned, soon).toEqual(['Old sword', 'Healing potion']);
  await expect.poll(() => text('#history'), soon).toContain('Old sword');
  await look('wallet-shop');
  await page.getByRole('button', { name: 'Buy Crown' }).click();
  await expect.poll(() => text('#shop-say'), soon).toContain('You have 45 COIN and need 900 COIN');

  await page.getByRole('button', { name: 'Use one Healing potion' }).click();
  await expect.poll(() => text('#owned-say'), soon).toBe('One was used.');
  await expect.poll(owned, soon).toEqual(['Old sword']);
  await page
    .locator('#history li', { hasText: 'Healing potion' })
    .getByRole('button', { name: 'Refund' })
    .click();
  await expect.poll(() => text('#refund-say'), soon).toContain('It was used');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.locator('#history li', { hasText: 'Old sword' }).getByRole('button', { name: 'Refund' }).click();
  await page.getByRole('button', { name: 'Confirm the refund' }).click();
  await expect.poll(() => text('#balance'), soon).toBe('85');
  await expect.poll(owned, soon).toEqual([]);
  await line('Old sword').getByRole('button').waitFor(soon);

  // Dearer than it was shown.
  const dearer = items.map((item) => (item.id === 'potion' ? { ...item, price: 16 } : item));
  const change = { token: operatorToken, body: { settings: { items: dearer } } };
  await call('PATCH', `${url}/operator/tenants/arcade`, change);
  await page.getByRole('button', { name: 'Buy Healing potion' }).click();
  await expect.poll(() => text('#shop-say'), soon).toContain('The price has changed');
  await page.getByRole('button', { name: 'Buy Healing potion for 16 COIN' }).click();
  await expect.poll(() => text('#balance'), soon).toBe('69');
  await grant(url, tenant, rows[0]!.id, 900);
  await page.getByRole('button', { name: 'Buy Crown' }).click();
  await expect.poll(() => line('Crown').textContent(), soon).toContain('Sold out');

  await page.goto(`${url}/operator/`);
  await page.fill('#token', operatorToken);
  await page.press('#token', 'Enter');
  await page.getByRole('link', { name: 'Tenant arcade' }).click();
  const crown = page.locator('tr', { hasText: 'Crown' });
  await crown.waitFor(soon);
  await expect.poll(() => crown.textContent(), soon).toMatch(/900 COIN\s+1 of 1\s+any number\s+sold out/);
  await look('console-items');
  expect(visit.faults).toEqual([]);
  expect((await integrity(url, 'arcade')).body).toMatchObject({ ok: true, differences: [] });
});
