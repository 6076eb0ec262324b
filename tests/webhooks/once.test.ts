// One cause is one message: whoever sees its event again, whoever refused the operation, and until it is forgotten.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { call, eventually } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { keepHouse } from '#workers/housekeeping.ts';
import { spreadNews } from '#workers/webhooks/spread.ts';
import { type HookedTenant, hookTenant } from './hooked-tenant.ts';

let system: System;
let game: HookedTenant;
beforeAll(async () => {
  const settings = { WEBHOOK_ALLOW_LOOPBACK: 'true' };
  system = await startSystem('webhooks-once', { backend: backends.at(-1) as TestBackend, settings });
  const rules = [{ kind: 'spend', seconds: 3600, amount: 50, action: 'review' }];
  const alerts = { refusalRate: { percent: 99 } };
  game = await hookTenant(system, { eventTypes: [], settings: { velocity: { rules }, alerts } });
});
afterAll(async () => {
  await game?.close();
  await system?.close();
});

const sql = async (text: string, values: unknown[] = []) =>
  (await system.services.db.owner.query(text, values)).rows;
const spend = (body: object) =>
  call('POST', `${system.url}/wallet/spend`, {
    ...{ token: game.tenant.secretKey, key: randomUUID(), wait: 10, body: { userId: game.userId, ...body } },
  });
const delivered = async (count: number) =>
  eventually('the deliveries', async () => (await game.log('?status=delivered&limit=100')).length === count);

test('an event that is seen again writes nothing anew, at the same moment or later', async () => {
  await game.grant(100);
  await delivered(2);
  const [{ news }] = await sql(
    `select data->'news' as news from pgboss.job where data->>'queue' = 'webhook' order by created_on limit 1`,
  );
  const id = randomUUID();
  const again = () => spreadNews(system.workers!.deps, id, news);
  await Promise.all([again(), again(), again()]);
  await again();
  expect(await sql('select type from coinlane.webhook_messages order by type')).toEqual([
    { type: 'entry.posted' },
    { type: 'operation.applied' },
  ]);
  expect(await sql('select settled from coinlane.outcome_counts where batch_id = $1', [id])).toHaveLength(1);
  expect(game.server.received).toHaveLength(2);
});

test('what an operator refuses is told like any other refusal', async () => {
  const held = await spend({ amount: 60 });
  expect(held.body.reason).toBe('held_for_review');
  const path = `/operator/tenants/${game.tenant.slug}/held-operations/${held.body.id}/decision`;
  const decided = await call('POST', system.url + path, {
    token: operatorToken,
    body: { decision: 'refuse' },
  });
  expect(decided.status).toBe(200);
  await delivered(3);
  expect(game.server.verified(game.secret, 'operation.rejected')).toMatchObject([
    { data: { id: held.body.id, reason: 'refused_in_review', status: 'rejected' } },
  ]);
});

test('an erased user leaves no texts in what is stored, and what is told stays whole', async () => {
  const spent = await spend({ amount: 1, reference: 'for Nora', metadata: { note: 'birthday' } });
  expect(spent.status).toBe(201);
  await delivered(5);
  expect(game.server.received.some(({ body }) => body.includes('birthday'))).toBe(true);
  const erased = await call('POST', `${system.url}/users/${game.userId}/erase`, {
    token: game.tenant.secretKey,
  });
  expect(erased.status).toBe(200);
  const stored = await sql('select payload from coinlane.webhook_messages');
  expect(JSON.stringify(stored)).not.toMatch(/Nora|birthday/);
  const of = stored.map(({ payload }) => JSON.parse(payload)).find(({ data }) => data.id === spent.body.id);
  expect(of).toMatchObject({
    type: 'operation.applied',
    data: { amount: 1, reference: null, metadata: null },
  });
});

test('messages and their log are forgotten after thirty days, but not while somebody waits for them', async () => {
  await sql(`update coinlane.webhook_messages set created_at = now() - interval '31 days'`);
  const [waiting] = await sql(
    `update coinlane.webhook_deliveries set status = 'waiting', next_at = now() + interval '1 hour'
     where id = (select id from coinlane.webhook_deliveries limit 1) returning message_id as id`,
  );
  await game.platform('POST', `/${game.endpointId}/test`);
  await keepHouse(system.services);
  const left = await sql(`select id from coinlane.webhook_messages where type <> 'webhook.test'`);
  expect(left).toEqual([waiting]);
  expect(await sql('select count(*)::int as n from coinlane.webhook_deliveries')).toEqual([{ n: 2 }]);
});
