// What coins cost is what was paid for them: the integrity check names a lot that says otherwise.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { asIntruder } from '#tests/chain/ground.ts';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, eventually, integrity, registerUser } from '#tests/support/client.ts';
import { startSystem } from '#tests/support/system.ts';

test('a lot with another price than its purchase, or with none, is named', async () => {
  const system = await startSystem('lot_price', { backend: backends[0]! });
  try {
    const packs = [{ id: 'small', name: 'Small', coins: 10, price: 99, currency: 'eur' }];
    const tenant = await createTenant(system.url, 'acme', { packs });
    const { token } = await registerUser(system.url, tenant);
    const body = { pack: 'small', provider: 'sandbox' };
    const bought = await call('POST', `${system.url}/wallet/buy`, {
      token,
      key: randomUUID(),
      wait: 10,
      body,
    });
    await call('POST', `${bought.body.checkoutUrl}/pay`);
    await eventually('the coins', async () => {
      const { body: wallet } = await call('GET', `${system.url}/wallet/balance`, { token });
      return wallet.balance === 10;
    });
    const check = async () => (await integrity(system.url, 'acme')).body;
    expect(await check()).toMatchObject({ ok: true, differences: [] });
    for (const [change, found] of [
      ['price = 1', '1 eur'],
      [`price = 99, currency = 'usd'`, '99 usd'],
      ['price = null, currency = null', 'nothing'],
    ] as const) {
      await asIntruder(system, 'acme', `update lots set ${change}`);
      const { ok, differences } = await check();
      expect(ok).toBe(false);
      expect(differences).toMatchObject([
        {
          check: 'coins of a purchase cost what was paid for them',
          id: bought.body.id,
          expected: '99 eur',
          found,
        },
      ]);
    }
    await asIntruder(system, 'acme', `update lots set price = 99, currency = 'eur'`);
    expect(await check()).toMatchObject({ ok: true, differences: [] });
  } finally {
    await system.close();
  }
});
