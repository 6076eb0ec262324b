// What the SDK's own timeout covers, since our driver's deadline has to cover the rest.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openShop, type Shop, sdkFor } from './shop-rig.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(async () => {
  await shop.close();
});

test('an answer that never comes ends by the timeout of the SDK', async () => {
  shop.emulator.faults.add({ path: /account/, kind: 'hang' });
  const started = Date.now();
  await expect(sdkFor(shop.emulator, shop.secretKey, 150).accounts.retrieveCurrent()).rejects.toThrow();
  expect(Date.now() - started).toBeLessThan(5000);
});

test('an answer that drips in outlasts the timeout of the SDK many times over', async () => {
  // About 250 bytes, one each 5 ms: more than a second in all, and never 400 ms of silence.
  shop.emulator.faults.add({ path: /account/, kind: 'drip', ms: 5 });
  const started = Date.now();
  const account = await sdkFor(shop.emulator, shop.secretKey, 400).accounts.retrieveCurrent();
  expect(account.object).toBe('account');
  expect(Date.now() - started).toBeGreaterThan(800);
});
