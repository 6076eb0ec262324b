// A tenant that has lived through everything an archive must carry, and ways to compare it with what was imported.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { schemaOf } from '#shared/db/pool.ts';
import {
  type Answer,
  call,
  createTenant,
  eventually,
  registerUser,
  type TestUser,
} from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { sealAll } from '../chain/ground.ts';
import { setUpTotp } from '../identity/factor-support.ts';

export const slug = 'old-house';
const gold = { code: 'GOLD', name: 'Gold', symbol: '🜚' };
const settings = {
  packs: [{ id: 'starter', name: 'Starter', coins: 100, price: 99, currency: 'eur' }],
  items: [
    { id: 'potion', name: 'Potion', price: 5, kind: 'consumable' },
    { id: 'crown', name: 'Crown', price: 20, kind: 'durable', stock: 3 },
  ],
  coins: [gold],
  exchangeRates: [{ from: 'COIN', to: 'GOLD', give: 3, get: 1 }],
  transfers: { feeBps: 250 },
};

export interface OldHouse {
  ann: TestUser;
  bob: TestUser;
  secret: string;
  secretKey: string;
  /** A spend under this key, and what it was answered with. */
  spent: { key: string; body: object; answer: Answer };
  /** A hold that is open still. */
  holdId: string;
}

export async function buildOldHouse(system: System): Promise<OldHouse> {
  const { url } = system;
  const { secretKey } = await createTenant(url, slug, settings);
  const tenant = { slug, secretKey };
  const [ann, bob] = await Promise.all([registerUser(url, tenant, 'ann'), registerUser(url, tenant, 'bob')]);
  const post = async (path: string, body: object, key: string = randomUUID(), token = secretKey) => {
    const answer = await call('POST', `${url}${path}`, { token, key, wait: 10, body });
    expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
    return answer;
  };
  const userId = ann.id;
  const bought = await post('/wallet/buy', { userId, pack: 'starter', provider: 'sandbox' });
  await call('POST', `${bought.body.checkoutUrl}/pay`);
  await eventually('the coins', async () => {
    const { body } = await call('GET', `${url}/wallet/balance`, { token: ann.token });
    return body.balance === 100;
  });
  await post('/wallet/grant', { userId, amount: 500, expiresAt: '2099-01-01T00:00:00Z', priority: 10 });
  await post('/wallet/grant', { userId, amount: 2 ** 53 - 1 - 600, bucket: 'paid' });
  const spent = {
    key: randomUUID(),
    body: { userId, amount: 30, reference: 'line\u2028break', metadata: { a: 1.5, 'é"': [null] } },
  };
  const answer = await post('/wallet/spend', spent.body, spent.key);
  await post('/wallet/refund', { userId, operationId: answer.body.id, amount: 10 });
  await post('/wallet/refund', { userId, operationId: bought.body.id, amount: 40 });
  await sealAll(system, slug);
  await post('/wallet/transfer', { userId, toUserId: bob.id, amount: 50 });
  await post('/wallet/exchange', { userId, from: 'COIN', to: 'GOLD', amount: 30 });
  const potions = await post('/wallet/spend', { userId, item: 'potion', quantity: 3 });
  await post(`/wallet/entitlements/${potions.body.id}/consume`, { quantity: 1 });
  await post('/wallet/spend', { userId, item: 'crown' });
  const held = await post('/wallet/holds', { userId, amount: 70 });
  await post(`/wallet/holds/${held.body.id}/capture`, { amount: 20 });
  const open = await post('/wallet/holds', { userId, amount: 15 });
  await post('/wallet/batch', { atomic: true, operations: [{ kind: 'grant', userId: bob.id, amount: 3 }] });
  await post('/schedules', {
    userId,
    kind: 'grant',
    amount: 5,
    every: 'P1M',
    startAt: '2099-01-01T00:00:00Z',
  });
  await sealAll(system, slug);
  const secret = await setUpTotp(url, bob.token);
  const path = `${url}/operator/tenants/${slug}`;
  await call('PATCH', path, { token: operatorToken, body: { status: 'suspended' } });
  return { ann, bob, secret, secretKey, spent: { ...spent, answer }, holdId: open.body.id };
}

/** Each table's rows, as Postgres shows them, in one digest. */
export async function digests(system: System, tenant: string): Promise<Record<string, string>> {
  const { owner } = system.services.db;
  const tables = await owner.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = $1::regnamespace and relkind = 'r' order by 1`,
    [schemaOf(tenant)],
  );
  const found: Record<string, string> = {};
  for (const { name } of tables.rows) {
    const { rows } = await owner.query(
      `select count(*) || ' ' || md5(coalesce(string_agg(r::text, e'\\n' order by r::text), '')) as digest
       from ${schemaOf(tenant)}.${name} r`,
    );
    found[name] = rows[0].digest;
  }
  return found;
}
