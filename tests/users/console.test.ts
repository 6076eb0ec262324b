// The console's pages of users, keys and the audit: what an operator does by hand, on narrow and wide screens.
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, type Visit } from '#tests/support/browser.ts';
import { call, createTenant, grant, registerUser } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';

let system: System | undefined;
let visit: Visit | undefined;
afterEach(async () => {
  await visit?.close();
  await system?.close();
  visit = undefined;
  system = undefined;
});

test.for([360, 1100])(
  'an operator manages users and keys and reads the audit, on a screen of %d pixels',
  { timeout: 120_000 },
  async (width, ctx) => {
    if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
    system = await startSystem('console-users', { backend: backends[0] as TestBackend });
    const { url } = system;
    const tenant = await createTenant(url, 'arcade');
    const user = await registerUser(url, tenant, 'nora');
    const other = await registerUser(url, tenant, 'otto');
    await grant(url, tenant, user.id, 120);
    await system.services.db.owner.query(
      `insert into "tenant_arcade".identities (provider, subject, user_id, email) values ('google', '1', $1, $2)`,
      [user.id, user.email],
    );
    await system.services.db.owner.query(
      `insert into "tenant_arcade".factors (id, user_id, kind, name, secret_sealed, confirmed_at)
       values ($1, $2, 'totp', 'My phone', 'sealed', now())`,
      [randomUUID(), user.id],
    );
    visit = await openBrowser(url, width);
    const { page } = visit;
    const look = (name: string) => visit!.look(`console-${name}-${width}`);
    const tab = (name: string) => page.locator('.tabs').getByRole('link', { name }).click();
    const press = (name: string | RegExp) => page.getByRole('button', { name }).click();
    const statusOf = async (token: string) => (await call('GET', `${url}/profile`, { token })).status;

    await page.goto(`${url}/operator/console/tenants/arcade`);
    await page.fill('#token', operatorToken);
    await page.press('#token', 'Enter');
    await tab('Users');
    await look('users');
    await page.fill('#find', 'nobody@example.com');
    await page.press('#find', 'Enter');
    await page.getByText('There is no such user.').waitFor();
    await page.fill('#find', user.email.toUpperCase());
    await page.press('#find', 'Enter');
    await page.getByRole('heading', { name: user.email }).waitFor();
    await look('user');
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download all data' }).click();
    expect((await download).suggestedFilename()).toBe(`coinlane-arcade-${user.id}.json`);
    expect(await statusOf(user.token)).toBe(200);
    await page.fill('#reason', 'a <b>bold</b> claim');
    await press('Ban');
    await page.getByText('The user is banned').waitFor();
    await page.getByText('Banned because: a <b>bold</b> claim').waitFor();
    await look('user-banned');
    expect(await statusOf(user.token)).toBe(401);
    await tab('Users');
    await page.selectOption('#filter-status', 'banned');
    await press('Show');
    expect(await page.locator('tbody tr').count()).toBe(1);
    await page.getByRole('link', { name: user.email }).click();
    await press('Lift the ban');
    await page.getByText('The user may log in').waitFor();
    await page.goto(`${url}/operator/console/tenants/arcade/users/${other.id}`);
    await press('End 1 session');
    await page.getByText('All sessions of the user are over.').waitFor();
    expect(await statusOf(other.token)).toBe(401);

    // A slip erases nobody: the browser holds the form back, and the server would.
    await page.fill('#confirm', 'yes');
    await press('Erase');
    const slip = await page.request.post(`${page.url().split('?')[0]}/erase`, {
      form: { confirm: 'yes' },
      headers: { origin: url },
    });
    expect(slip.status()).toBe(422);
    await page.fill('#confirm', 'erase');
    await press('Erase');
    await page.getByText('What was personal is gone.').waitFor();
    await look('user-erased');
    expect(await page.content()).not.toContain(other.email);

    await tab('Keys');
    await look('keys');
    await page.fill('#name', 'shop');
    await page.getByLabel('read', { exact: true }).check();
    await page.getByLabel('spend', { exact: true }).check();
    await press('Create the key');
    const secret = await page.inputValue('#secret');
    expect(secret).toMatch(/^sk_arcade_/);
    await look('key-made');
    const balance = (token: string) => call('GET', `${url}/wallet/balance?userId=${user.id}`, { token });
    expect((await balance(secret)).status).toBe(200);
    const shop = page.locator('#keys + ul > li', { hasText: 'shop' });
    await shop.locator('select').selectOption('0');
    await shop.getByRole('button', { name: /^Rotate/ }).click();
    await page.getByText('shop is ready.').waitFor();
    const successor = await page.inputValue('#secret');
    expect([(await balance(secret)).status, (await balance(successor)).status]).toEqual([401, 200]);
    await tab('Keys');
    expect(await page.content()).not.toContain(successor);
    await shop.getByRole('button', { name: /^Revoke/ }).click();
    await page.getByText('The key is revoked').waitFor();
    expect((await balance(successor)).status).toBe(401);
    await look('keys-over');

    await tab('Audit');
    await look('audit');
    await page.fill('#filter-action', 'user.');
    await page.fill('#filter-target', user.id);
    await press('Show');
    expect(await page.locator('tbody tr td:first-child').allTextContents()).toEqual([
      'user.unban',
      'user.ban',
      'user.export',
    ]);
    await page.fill('#filter-action', 'nothing.');
    await press('Show');
    await page.getByText('Nothing is like that.').waitFor();
    await look('audit-empty');
    expect(visit.faults).toEqual([]);
  },
);
