// Schedules over HTTP, on the clock of a sandbox tenant: once, again and again, after an outage, and never twice.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { type Answer, call, integrity, registerUser } from '#tests/support/client.ts';
import { storedOperations } from '#tests/support/ledger-view.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { runSchedules, scheduleAlarm } from '#workers/schedules.ts';
import { expectProblem, pointersOf } from '../wallet/counter.ts';
import { openSandbox, type Sandbox } from './sandbox-ground.ts';

const day = 86_400;
const isReplay = (answer: Answer) => answer.headers.get('idempotency-replayed') === 'true';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let sandbox: Sandbox;
  beforeAll(async () => {
    system = await startSystem(`schedules_${backend.name}`, { backend });
  });
  beforeEach(async () => {
    sandbox = await openSandbox(system);
  });
  afterAll(() => system?.close());
  const schedule = async (body: object) => {
    const made = await sandbox.post('/schedules', { userId: sandbox.user.id, ...body });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    return made.body;
  };
  const shown = async (id: string) => (await sandbox.get(`/schedules/${id}`)).body;
  const inSeconds = async (seconds: number) => new Date((await sandbox.now()) + seconds * 1000).toISOString();

  test('a grant in the future comes when its time has come, once', async () => {
    const made = await schedule({
      kind: 'grant',
      amount: 70,
      startAt: await inSeconds(day),
      reference: 'gift',
    });
    expect(made).toMatchObject({ status: 'active', every: null, amount: 70, reference: 'gift' });
    await sandbox.advance({ seconds: day - 100 });
    expect(await sandbox.balance()).toBe(0);
    await sandbox.advance({ seconds: 101 });
    expect(await sandbox.balance()).toBe(70);
    const after = await shown(made.id);
    expect(after).toMatchObject({ status: 'done', nextAt: null });
    const operation = await sandbox.get(`/operations/${after.lastOperationId}`);
    expect(operation.body).toMatchObject({ kind: 'grant', status: 'applied', reference: 'gift' });
    await sandbox.advance({ seconds: 30 * day });
    expect(await sandbox.history()).toEqual([['grant', 70]]);
  });

  test('what was missed is caught up in order, and month ends stay month ends', async () => {
    await sandbox.advance({ to: '2027-01-15T00:00:00Z' });
    const monthly = await schedule({
      kind: 'grant',
      amount: 10,
      every: 'P1M',
      startAt: '2027-01-31T12:00:00Z',
    });
    const weekly = await schedule({
      kind: 'spend',
      amount: 4,
      every: 'P2W',
      times: 3,
      startAt: '2027-02-01T00:00:00Z',
    });
    await sandbox.advance({ to: '2027-02-28T11:59:00Z' });
    expect(await sandbox.history()).toEqual([
      ['grant', 10],
      ['spend', -4],
      ['spend', -4],
    ]);
    await sandbox.advance({ to: '2027-02-28T12:00:01Z' });
    expect((await shown(monthly.id)).nextAt).toBe('2027-03-31T12:00:00.000Z');
    // Three months without a worker's look: each is made, none twice, in the order of their times.
    await sandbox.advance({ to: '2027-05-31T12:00:01Z' });
    expect(await sandbox.history()).toEqual([
      ...[
        ['grant', 10],
        ['spend', -4],
        ['spend', -4],
        ['grant', 10],
        ['spend', -4],
      ],
      ...[
        ['grant', 10],
        ['grant', 10],
        ['grant', 10],
      ],
    ]);
    expect(await shown(weekly.id)).toMatchObject({ status: 'done', remaining: 0 });
    expect((await integrity(system.url, sandbox.slug)).body).toMatchObject({ ok: true });
  });

  test('of a subscription what is left unused is gone at the next time', async () => {
    const made = await sandbox.post('/subscriptions', {
      ...{ userId: sandbox.user.id, coins: 100, bucket: 'paid', every: 'P1M', expireUnused: true },
    });
    expect([made.status, made.body.kind, made.body.bucket]).toEqual([201, 'grant', 'paid']);
    await sandbox.advance({ seconds: 1 });
    expect(await sandbox.balance()).toBe(100);
    await sandbox.post('/wallet/spend', { userId: sandbox.user.id, amount: 30 }, { wait: 10 });
    await sandbox.advance({ to: (await shown(made.body.id)).nextAt });
    expect(await sandbox.balance()).toBe(100);
    expect(await sandbox.history()).toEqual([
      ...[
        ['grant', 100],
        ['spend', -30],
        ['expiry', -70],
        ['grant', 100],
      ],
    ]);
  });

  test('two runners at once make each occurrence once', async () => {
    const startAt = await inSeconds(60);
    for (let n = 1; n <= 20; n += 1)
      await schedule({ kind: 'grant', amount: n, every: 'PT1H', times: 5, startAt });
    await system.services.db.owner.query(
      `update "tenant_${sandbox.slug}".clock set offset_ms = offset_ms + 86400000`,
    );
    const { deps } = system.workers!;
    const counts = await Promise.all(Array.from({ length: 6 }, () => runSchedules(deps, sandbox.slug)));
    await sandbox.idle();
    expect(counts.reduce((sum, each) => sum + each)).toBe(100);
    expect((await storedOperations(system.database.url, sandbox.slug)).size).toBe(100);
    expect(await sandbox.balance()).toBe(5 * 210);
  });

  test('the alarm of every minute looks at every tenant', async () => {
    const other = await openSandbox(system);
    for (const each of [sandbox, other]) {
      const startAt = new Date((await each.now()) + 60_000).toISOString();
      await each.post('/schedules', { kind: 'grant', userId: each.user.id, amount: 3, startAt });
      const schema = `"tenant_${each.slug}"`;
      await system.services.db.owner.query(`update ${schema}.clock set offset_ms = offset_ms + 61000`);
    }
    await scheduleAlarm(system.workers!.deps).handle({ id: 'ring', at: new Date() });
    for (const each of [sandbox, other]) {
      await each.idle();
      expect(await each.balance()).toBe(3);
    }
  });

  test('more than one run takes is made in the runs after it', { timeout: 60_000 }, async () => {
    await schedule({ kind: 'grant', amount: 1, every: 'PT1M', times: 1500 });
    await sandbox.advance({ seconds: 2 * day });
    expect(await sandbox.balance()).toBe(1500);
  });

  test('a refused occurrence ends nothing, and a closed wallet does', async () => {
    const made = await schedule({ kind: 'spend', amount: 5, every: 'P1D', startAt: await inSeconds(day) });
    await sandbox.advance({ seconds: day + 1 });
    const refused = await sandbox.get(`/operations/${(await shown(made.id)).lastOperationId}`);
    expect(refused.body).toMatchObject({ status: 'rejected', reason: 'insufficient_funds' });
    const path = `${system.url}/operator/tenants/${sandbox.slug}/users/${sandbox.user.id}/ban`;
    const banned = await call('POST', path, { token: operatorToken, body: { reason: 'abuse' } });
    expect(banned.status).toBeLessThan(300);
    await sandbox.advance({ seconds: day });
    expect(await shown(made.id)).toMatchObject({ status: 'failed', reason: 'recipient_closed' });
  });

  test('paused, nothing is made; resumed, it goes on with the next time; cancelled, it is over', async () => {
    const made = await schedule({ kind: 'grant', amount: 1, every: 'P1D', startAt: await inSeconds(3600) });
    const change = (name: string) => sandbox.post(`/schedules/${made.id}/${name}`);
    await sandbox.advance({ seconds: 3601 });
    expect((await change('pause')).body.status).toBe('paused');
    expect((await change('pause')).status).toBe(200);
    await sandbox.advance({ seconds: 5 * day });
    expect(await sandbox.balance()).toBe(1);
    const resumed = await change('resume');
    expect(resumed.body.status).toBe('active');
    expect(Date.parse(resumed.body.nextAt)).toBeGreaterThan(await sandbox.now());
    await sandbox.advance({ seconds: day });
    expect(await sandbox.balance()).toBe(2);
    expect((await change('cancel')).body).toMatchObject({ status: 'cancelled', nextAt: null });
    await sandbox.advance({ seconds: 3 * day });
    expect(await sandbox.balance()).toBe(2);
    for (const name of ['pause', 'resume']) expectProblem(await change(name), 409, 'schedule_state');
    const list = await sandbox.get(`/schedules?userId=${sandbox.user.id}&status=cancelled`);
    expect([list.body.data.length, list.body.hasMore]).toEqual([1, false]);
  });

  test('a replay is the same schedule, and another body is refused', async () => {
    const body = { kind: 'grant', userId: sandbox.user.id, amount: 5, every: 'P1W' };
    const key = randomUUID();
    const sent = await Promise.all(
      Array.from({ length: 4 }, () => sandbox.post('/schedules', body, { key })),
    );
    expect(new Set(sent.map((answer) => answer.body.id)).size).toBe(1);
    expect(sent.filter(isReplay).length).toBe(3);
    expectProblem(
      await sandbox.post('/schedules', { ...body, amount: 6 }, { key }),
      422,
      'idempotency_key_reused',
    );
  });

  test('bad input and strangers are refused', async () => {
    const good = { kind: 'grant', userId: sandbox.user.id, amount: 5 };
    const bad: [object, string][] = [
      [{ every: 'monthly' }, '/every'],
      [{ every: 'PT1S' }, '/every'],
      [{ startAt: '2020-01-01T00:00:00Z' }, '/startAt'],
      [{ startAt: 'soon' }, '/startAt'],
      [{ times: 3 }, '/times'],
      [{ every: 'P1D', until: '2020-01-01T00:00:00Z' }, '/until'],
      [{ expireUnused: true }, '/expireUnused'],
      [{ every: 'P1D', expireUnused: true, expiresAt: '2030-01-01T00:00:00Z' }, '/expireUnused'],
      [{ kind: 'hold' }, '/kind'],
      [{ amount: 0 }, '/amount'],
      [{ colour: 'red' }, '/colour'],
      [{ kind: 'spend', bucket: 'bonus' }, '/bucket'],
    ];
    for (const [change, pointer] of bad) {
      const answer = await sandbox.post('/schedules', { ...good, ...change });
      expectProblem(answer, 422, 'invalid_input');
      expect(pointersOf(answer), JSON.stringify(change)).toEqual([pointer]);
    }
    const nobody = await sandbox.post('/schedules', { ...good, userId: randomUUID() });
    expectProblem(nobody, 404, 'user_not_found');
    expectProblem(await sandbox.post('/schedules', good, { token: sandbox.user.token }), 403, 'forbidden');
    const other = await openSandbox(system);
    const made = await schedule({ kind: 'grant', amount: 5, every: 'P1D' });
    expectProblem(await other.get(`/schedules/${made.id}`), 404, 'schedule_not_found');
    expectProblem(await other.post(`/schedules/${made.id}/cancel`), 404, 'schedule_not_found');
    expectProblem(await sandbox.get('/schedules/none'), 404, 'schedule_not_found');
    const friend = await registerUser(system.url, { slug: sandbox.slug, secretKey: sandbox.key });
    expectProblem(await sandbox.get('/schedules', friend.token), 403, 'forbidden');
  });
});
