// A tenant with one funded user and shortcuts for what a caller does at the counter; and what every problem must look like.
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Accept } from '#api/accept.ts';
import { newId } from '#shared/runtime/ids.ts';
import {
  type Answer,
  call,
  createTenant,
  grant,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { operatorToken, type System, uniqueSlug } from '#tests/support/system.ts';

export interface PostOptions {
  key?: string;
  wait?: number;
  token?: string;
  headers?: Record<string, string>;
}

export interface Counter {
  url: string;
  tenant: TestTenant;
  user: TestUser;
  /** A POST as the user unless `token` says otherwise, with a new key unless one is given. */
  post(path: string, body: unknown, options?: PostOptions): Promise<Answer>;
  get(path: string, token?: string): Promise<Answer>;
  /** Spends and waits for the outcome. */
  spend(amount: number): Promise<Answer>;
  balance(): Promise<number>;
}

/** `coins` are granted before it returns, which takes workers. */
export async function openCounter(system: System, coins = 0): Promise<Counter> {
  const { url } = system;
  const tenant = await createTenant(url, uniqueSlug('counter'));
  const user = await registerUser(url, tenant);
  if (coins > 0) expect((await grant(url, tenant, user.id, coins)).status).toBe(201);
  const counter: Counter = {
    url,
    tenant,
    user,
    post: (path, body, options = {}) =>
      call('POST', `${url}${path}`, { token: user.token, key: randomUUID(), body, ...options }),
    get: (path, token = user.token) => call('GET', `${url}${path}`, { token }),
    spend: (amount) => counter.post('/wallet/spend', { amount }, { wait: 10 }),
    balance: async () => (await counter.get('/wallet/balance')).body.balance,
  };
  return counter;
}

/** Spends a coin by this `accept`, without HTTP. */
export async function openSpender({ services, api }: System, counter: Counter) {
  const tenant = (await services.tenants.find(counter.tenant.slug))!;
  const userId = counter.user.id;
  const walletId = await api.deps.wallets.walletOf(tenant, userId);
  const draft = { kind: 'spend' as const, walletId, userId, amount: 1, body: { amount: 1 } };
  return (accept: Accept, idempotencyKey: string = randomUUID(), wait = false) => {
    const id = newId();
    return { id, accepted: accept.submit(tenant, id, { ...draft, idempotencyKey }, { wait }) };
  };
}

/** A key of the tenant with these scopes. */
export async function makeKey(
  { url, tenant }: Counter,
  scopes: string[],
): Promise<{ id: string; secretKey: string }> {
  const answer = await call('POST', `${url}/operator/tenants/${tenant.slug}/keys`, {
    token: operatorToken,
    body: { name: scopes.join(' '), scopes },
  });
  expect(answer.status).toBe(201);
  return { id: answer.body.key.id, secretKey: answer.body.secretKey };
}

/** The contract's form of every refusal (RFC 9457), whatever its code. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  const { headers, body } = answer;
  expect([answer.status, body.code, body.status]).toEqual([status, code, status]);
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(body.type).toMatch(new RegExp(`^https://.*/${code}$`));
  expect(body.title).toMatch(/\w/);
  expect(body.requestId).toMatch(/^[\w.-]{8,64}$/);
  expect(body.requestId).toBe(headers.get('x-request-id'));
  if (status === 401) expect(headers.get('www-authenticate')).toMatch(/^Bearer/);
  if (status === 503) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  if (code !== 'invalid_input') return;
  expect(body.errors.length).toBeGreaterThan(0);
  for (const fault of body.errors) {
    expect(fault).toEqual({
      pointer: expect.any(String),
      code: expect.stringMatching(/^[a-z_]+$/),
      detail: expect.stringMatching(/\w/),
    });
  }
}

/** The pointers of an answer's faults. */
export const pointersOf = (answer: Answer): string[] =>
  answer.body.errors.map((fault: { pointer: string }) => fault.pointer);
