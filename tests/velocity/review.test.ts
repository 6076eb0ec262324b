// Operations that a rule holds: out of everybody's way until an operator says how they go on; on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#shared/runtime/ids.ts';
import { backends } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { openWatched, tally, times, type Watched } from './watched.ts';

const rules = [{ kind: 'spend', seconds: 3600, amount: 50, action: 'review' }];

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`velocity_review_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  const untilStatus = (watched: Watched, id: string, status: string) =>
    expect
      .poll(async () => (await watched.get(`/operations/${id}`)).body.status, { timeout: 10_000 })
      .toBe(status);

  test('a spend that is held is answered at once, others go on, and released it comes after them', async () => {
    const watched = await openWatched(system, { rules }, 200);
    expect((await watched.spend(30)).status).toBe(201);
    const key = randomUUID();
    const body = { amount: 40 };
    const started = performance.now();
    const held = await watched.post('/wallet/spend', body, { key });
    const { id } = held.body;
    expect(held).toMatchObject({
      status: 202,
      body: { status: 'accepted', reason: 'held_for_review', settledAt: null, balanceAfter: null },
    });
    expect([held.headers.get('preference-applied'), held.headers.get('retry-after')]).toEqual([null, null]);
    const replay = await watched.post('/wallet/spend', body, { key });
    expect(performance.now() - started, 'nobody waits ten seconds for a person').toBeLessThan(8000);
    expect([replay.status, replay.body.id, replay.headers.get('idempotency-replayed')]).toEqual([
      202,
      id,
      'true',
    ]);
    expect(await watched.spend(10)).toMatchObject({ status: 201, body: { balanceAfter: 160 } });
    await watched.expectWhole();
    expect((await watched.held()).body).toMatchObject({
      data: [{ id, kind: 'spend', amount: 40, heldFor: '70 coins by spend within 1 hour, 50 allowed' }],
      hasMore: false,
      nextCursor: null,
    });
    const nothing = await watched.post('/wallet/refund', { operationId: id });
    expect([nothing.status, nothing.body.code]).toEqual([409, 'not_refundable']);

    const before = await watched.sql(`select seq, created_at from operations where id = $1`, [id]);
    expect(await watched.decide(id, 'release')).toMatchObject({ status: 200, body: { id, reason: null } });
    await untilStatus(watched, id, 'applied');
    expect((await watched.get(`/operations/${id}`)).body.balanceAfter).toBe(120);
    const after = await watched.sql(`select seq, created_at from operations where id = $1`, [id]);
    expect(Number(after[0]?.seq)).toBeGreaterThan(Number(before[0]?.seq));
    expect(after[0]?.created_at).toEqual(before[0]?.created_at);
    // It counts from now on: 30, 10 and 40 are more than 50 already.
    expect((await watched.spend(1)).body.reason).toBe('held_for_review');
    await watched.expectWhole();
  });

  test('a refusal is its outcome, for those who ask again too', async () => {
    const watched = await openWatched(system, { rules }, 100);
    const key = randomUUID();
    const { body } = await watched.post('/wallet/spend', { amount: 60 }, { key });
    expect(await watched.decide(body.id, 'refuse')).toMatchObject({
      status: 200,
      body: { status: 'rejected', reason: 'refused_in_review', balanceAfter: 100 },
    });
    const replay = await watched.post('/wallet/spend', { amount: 60 }, { key });
    expect([replay.status, replay.body.code]).toEqual([409, 'refused_in_review']);
    expect((await watched.held()).body.data).toEqual([]);
    expect(await watched.balance()).toBe(100);
    await watched.expectWhole();
  });

  test('what is released is judged by everything but velocity', async () => {
    const watched = await openWatched(system, { rules }, 100);
    const { body } = await watched.spend(60);
    expect((await watched.spend(50)).status).toBe(201);
    await watched.decide(body.id, 'release');
    await untilStatus(watched, body.id, 'rejected');
    expect((await watched.get(`/operations/${body.id}`)).body.reason).toBe('insufficient_funds');
    await watched.expectWhole();
  });

  test('of several people who decide at once one does, and no one after that', async () => {
    const watched = await openWatched(system, { rules }, 100);
    const { body } = await watched.spend(60);
    const answers = await times(8, (index) => watched.decide(body.id, index % 2 ? 'release' : 'refuse'));
    expect(tally(answers)).toEqual({ 200: 1, '409 review_state': 7 });
    const decided = answers.find(({ status }) => status === 200)?.body;
    const released = decided.status !== 'rejected';
    await untilStatus(watched, body.id, released ? 'applied' : 'rejected');
    expect(await watched.balance()).toBe(released ? 40 : 100);
    expect(tally([await watched.decide(body.id, 'refuse')])).toEqual({ '409 review_state': 1 });
    const audit = await system.services.db.owner.query(
      `select actor, action, detail from coinlane.audit where target = $1`,
      [body.id],
    );
    expect(audit.rows).toEqual([
      {
        actor: 'operator:token',
        action: released ? 'operation.released' : 'operation.refused',
        detail: { kind: 'spend', amount: 60, heldFor: '60 coins by spend within 1 hour, 50 allowed' },
      },
    ]);
    await watched.expectWhole();
  });

  test('of a burst at once some are applied, the rest is held, and released together each is settled once', async () => {
    const watched = await openWatched(system, { rules }, 100);
    const answers = await times(12, () => watched.spend(10));
    expect(tally(answers)).toEqual({ 201: 5, 202: 7 });
    const first = await watched.held('?limit=4');
    const second = await watched.held(`?limit=4&cursor=${first.body.nextCursor}`);
    const ids = [...first.body.data, ...second.body.data].map(({ id }: { id: string }) => id);
    expect([ids.length, new Set(ids).size, second.body.hasMore]).toEqual([7, 7, false]);
    expect(tally(await times(7, (index) => watched.decide(ids[index] ?? '', 'release')))).toEqual({ 200: 7 });
    await expect
      .poll(async () => (await watched.sql(`select from operations where status = 'accepted'`)).length)
      .toBe(0);
    const found = await watched.sql(`select coalesce(reason, status) as was, count(*) as n from operations
      where kind = 'spend' group by 1 order by 1`);
    // Coins for ten of twelve.
    expect(found).toEqual([
      { was: 'applied', n: 10 },
      { was: 'insufficient_funds', n: 2 },
    ]);
    expect(await watched.balance()).toBe(0);
    await watched.expectWhole();
  });

  test('a refund of a purchase that is held leaves coins and money where they are', async () => {
    const refunds = [{ kind: 'refund', seconds: 3600, amount: 10, action: 'review' }];
    const watched = await openWatched(system, { rules: refunds });
    const purchase = await watched.buy();
    await watched.pay(purchase);
    const held = await watched.post('/wallet/refund', { operationId: purchase.body.id });
    expect(held).toMatchObject({ status: 202, body: { reason: 'held_for_review', amount: null } });
    expect(await watched.balance()).toBe(100);
    expect(await watched.sql(`select from purchase_refunds`)).toEqual([]);
    await watched.decide(held.body.id, 'release');
    await untilStatus(watched, held.body.id, 'applied');
    expect(await watched.balance()).toBe(0);
    await expect
      .poll(() => watched.sql(`select status, amount from purchase_refunds`), { timeout: 10_000 })
      .toEqual([{ status: 'done', amount: 99 }]);
    await watched.expectWhole();
  });

  test('an operator decides for a tenant that is suspended too, and it is settled once that goes on', async () => {
    const watched = await openWatched(system, { rules }, 100);
    const { body } = await watched.spend(60);
    await watched.setStatus('suspended');
    expect((await watched.held()).body.data).toHaveLength(1);
    expect((await watched.decide(body.id, 'release')).status).toBe(200);
    await watched.setStatus('active');
    await untilStatus(watched, body.id, 'applied');
  });

  test('there is nothing to decide on what is not held, not there, or of another tenant', async () => {
    const watched = await openWatched(system, { rules }, 100);
    const other = await openWatched(system, { rules }, 100);
    const [applied, foreign] = [await watched.spend(1), await other.spend(60)];
    expect(foreign.body.reason).toBe('held_for_review');
    const cases: [string, string, number, string][] = [
      [applied.body.id, 'release', 409, 'review_state'],
      [applied.body.id, 'refuse', 409, 'review_state'],
      [foreign.body.id, 'release', 404, 'not_found'],
      [newId(), 'release', 404, 'not_found'],
      ['not-an-id', 'release', 404, 'not_found'],
      [applied.body.id, 'approve', 422, 'invalid_input'],
    ];
    for (const [id, decision, status, code] of cases) {
      const answer = await watched.decide(id, decision);
      expect([answer.status, answer.body.code], `${id} ${decision}`).toEqual([status, code]);
    }
    const path = `/operator/tenants/${other.tenant.slug}/held-operations`;
    expect((await call('GET', `${system.url}${path}`)).status).toBe(401);
    expect((await call('GET', `${system.url}${path}`, { token: other.tenant.secretKey })).status).toBe(401);
    expect((await other.held()).body.data).toHaveLength(1);
  });
});
