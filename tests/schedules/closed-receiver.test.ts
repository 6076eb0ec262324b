// What is sent to somebody again and again ends when they are banned: their wallet takes no coins any more.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, grant, registerUser } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { openSandbox } from './sandbox-ground.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('closed_receiver', { backend: backends[0]! });
});
afterAll(() => system?.close());

const day = 86_400;

test('a schedule whose receiver is banned is failed, and tells why', async () => {
  const sandbox = await openSandbox(system);
  const tenant = { slug: sandbox.slug, secretKey: sandbox.key };
  const [to, other] = [await registerUser(system.url, tenant), await registerUser(system.url, tenant)];
  const given = { userId: sandbox.user.id, amount: 50, bucket: 'paid' };
  expect((await sandbox.post('/wallet/grant', given, { wait: 10 })).status).toBe(201);
  expect((await grant(system.url, tenant, to.id, 1)).status).toBe(201);
  const startAt = new Date((await sandbox.now()) + day * 1000).toISOString();
  const send = async (legs: object[]) => {
    const body = { kind: 'transfer', userId: sandbox.user.id, amount: 4, legs, every: 'P1D', startAt };
    const made = await sandbox.post('/schedules', body);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    return made.body.id as string;
  };
  const both = await send([
    { toUserId: other.id, share: 1 },
    { toUserId: to.id, share: 1 },
  ]);
  const single = await send([{ toUserId: other.id, share: 1 }]);
  const shown = async (id: string) => (await sandbox.get(`/schedules/${id}`)).body;
  await sandbox.advance({ seconds: day + 1 });
  expect([(await shown(both)).status, (await shown(single)).status]).toEqual(['active', 'active']);
  expect(await sandbox.balance()).toBe(42);
  const path = `${system.url}/operator/tenants/${sandbox.slug}/users/${to.id}/ban`;
  await call('POST', path, { token: operatorToken, body: { reason: 'abuse' } });
  await sandbox.advance({ seconds: day });
  expect(await shown(both)).toMatchObject({ status: 'failed', reason: 'recipient_closed' });
  expect(await shown(single)).toMatchObject({ status: 'active', reason: null });
  expect(await sandbox.balance()).toBe(38);
});
