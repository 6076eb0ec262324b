// What the stories about sending coins have in common: a tenant with two users, funds, and the act itself.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { type Answer, call, integrity, registerUser, type TestUser } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { type Counter, openCounter } from './counter.ts';

export const addUser = ({ url, tenant }: Counter) => registerUser(url, tenant);
export const fund = async ({ url, tenant }: Counter, user: TestUser, amount: number, bucket = 'paid') =>
  expect(
    await call('POST', `${url}/wallet/grant`, {
      ...{ token: tenant.secretKey, key: randomUUID(), wait: 10 },
      body: { userId: user.id, amount, bucket },
    }),
  ).toMatchObject({ status: 201 });
export const balanceOf = async ({ url }: Counter, user: TestUser) =>
  (await call('GET', `${url}/wallet/balance`, { token: user.token })).body.balance;
export const send = (counter: Counter, from: TestUser, body: object, wait = 10): Promise<Answer> =>
  counter.post('/wallet/transfer', body, { token: from.token, wait });
export const expectWhole = async ({ url, tenant }: Counter) =>
  expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });
export const change = async ({ url, tenant }: Counter, settings: object) =>
  expect(
    await call('PATCH', `${url}/operator/tenants/${tenant.slug}`, {
      token: operatorToken,
      body: { settings },
    }),
  ).toMatchObject({ status: 200 });
/** A user with paid coins, and another one. */
export async function openPair(system: System, coins: number) {
  const counter = await openCounter(system);
  if (coins > 0) await fund(counter, counter.user, coins);
  return { counter, from: counter.user, to: await addUser(counter) };
}
