// The clock of a sandbox tenant: it only goes forward, and coins, holds and balances follow it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, eventually, integrity } from '#tests/support/client.ts';
import { withOwner } from '#tests/support/ledger-view.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { expectProblem, pointersOf } from '../wallet/counter.ts';
import { openSandbox } from './sandbox-ground.ts';

const day = 86_400;

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`clock_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  test('coins run out and holds let go when their time has come', async () => {
    const sandbox = await openSandbox(system);
    const userId = sandbox.user.id;
    const inDays = async (days: number) => new Date((await sandbox.now()) + days * day * 1000).toISOString();
    const done = await sandbox.post(
      '/wallet/batch',
      {
        atomic: true,
        operations: [
          { kind: 'grant', userId, amount: 40, expiresAt: await inDays(10) },
          { kind: 'grant', userId, amount: 60 },
          { kind: 'hold', userId, amount: 50, expiresIn: 5 * day },
        ],
      },
      { wait: 10 },
    );
    expect(done.body.status).toBe('applied');
    const balance = async () => {
      const { balance, available, held } = (await sandbox.get(`/wallet/balance?userId=${userId}`)).body;
      return [balance, available, held];
    };
    expect(await balance()).toEqual([100, 50, 50]);
    await sandbox.advance({ seconds: 4 * day });
    expect(await balance()).toEqual([100, 50, 50]);
    await sandbox.advance({ seconds: day + 1 });
    expect(await balance()).toEqual([100, 100, 0]);
    await sandbox.advance({ seconds: 5 * day });
    expect(await balance()).toEqual([60, 60, 0]);
    expect(await sandbox.history()).toEqual([
      ['grant', 40],
      ['grant', 60],
      ['expiry', -40],
    ]);
    expect((await integrity(system.url, sandbox.slug)).body).toMatchObject({ ok: true, differences: [] });
  });

  test('the sweep books what has run out without being told, and does not come back for nothing', async () => {
    const sandbox = await openSandbox(system);
    const expiresAt = new Date((await sandbox.now()) + 1500).toISOString();
    const grant = { userId: sandbox.user.id, amount: 9 };
    const granted = await sandbox.post(
      '/wallet/batch',
      { operations: [{ kind: 'grant', ...grant, expiresAt }] },
      { wait: 10 },
    );
    expect(granted.status).toBe(201);
    await sandbox.post('/wallet/spend', { userId: sandbox.user.id, amount: 9 }, { wait: 10 });
    await sandbox.post(
      '/wallet/batch',
      { operations: [{ kind: 'grant', ...grant, amount: 7 }] },
      { wait: 10 },
    );
    // Spent before it could run out: the mark on the wallet goes, and nothing is booked.
    await eventually('no wallet is marked', async () => {
      const { rows } = await withOwner(system.database.url, (client) =>
        client.query(`select 1 from "tenant_${sandbox.slug}".wallets where next_expiry is not null`),
      );
      return rows.length === 0;
    });
    expect(await sandbox.history()).toEqual([
      ['grant', 9],
      ['spend', -9],
      ['grant', 7],
    ]);
  });

  test('it only moves forward, ten years at most, and every move is audited', async () => {
    const sandbox = await openSandbox(system);
    const operator = (method: string, path: string, body?: object) =>
      call(method, `${system.url}/operator/tenants/${sandbox.slug}/${path}`, { token: operatorToken, body });
    const before = await sandbox.now();
    expect(Math.abs(before - Date.now())).toBeLessThan(10_000);
    await sandbox.advance({ seconds: 3600 });
    const moved = await operator('POST', 'clock/advance', { seconds: 60 });
    expect([moved.status, moved.body.aheadSeconds]).toEqual([200, 3660]);
    expect((await operator('GET', 'clock')).body.aheadSeconds).toBe(3660);
    const bad: [object, string][] = [
      [{ to: new Date(Date.now() + 3000_000).toISOString() }, '/to'],
      [{ to: '2020-01-01T00:00:00Z' }, '/to'],
      [{ seconds: 3660 * day }, '/seconds'],
      [{ seconds: -1 }, '/seconds'],
      [{ seconds: 1.5 }, '/seconds'],
      [{}, '/seconds'],
      [{ seconds: 1, to: '2030-01-01T00:00:00Z' }, '/seconds'],
    ];
    for (const [body, pointer] of bad) {
      const answer = await sandbox.post('/test-clock/advance', body);
      expectProblem(answer, 422, 'invalid_input');
      expect(pointersOf(answer)).toEqual([pointer]);
    }
    const audit = await operator('GET', 'audit?action=clock.advance');
    expect(audit.body.data.map((line: { actor: string }) => line.actor.split(':')[0])).toEqual([
      'operator',
      'key',
    ]);
  });

  test('a tenant that is no sandbox, and who may not, are refused', async () => {
    const sandbox = await openSandbox(system);
    const real = await createTenant(system.url, uniqueSlug('real'));
    const post = (path: string, token: string) =>
      call('POST', `${system.url}${path}`, { token, body: { seconds: 1 } });
    expectProblem(await post('/test-clock/advance', real.secretKey), 409, 'not_sandbox');
    const path = `/operator/tenants/${real.slug}/clock`;
    expectProblem(await post(`${path}/advance`, operatorToken), 409, 'not_sandbox');
    expectProblem(await call('GET', `${system.url}${path}`, { token: operatorToken }), 409, 'not_sandbox');
    expectProblem(await sandbox.get('/test-clock', real.secretKey), 409, 'not_sandbox');
    expectProblem(await sandbox.get('/test-clock', sandbox.user.token), 403, 'forbidden');
    // Sandbox is for good: it is no setting.
    const patched = await call('PATCH', `${system.url}/operator/tenants/${real.slug}`, {
      token: operatorToken,
      body: { sandbox: true },
    });
    expectProblem(patched, 422, 'invalid_input');
  });
});
