// A small HTTP client of the contract, so that stories read like stories.
import { randomUUID } from 'node:crypto';
import { operatorToken } from './system.ts';

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  body: any;
}

interface CallOptions {
  token?: string;
  tenant?: string;
  body?: unknown;
  key?: string;
  wait?: number;
  headers?: Record<string, string>;
}

/** One request. A body is sent as JSON unless it is a string, which goes as it is. */
export async function call(method: string, url: string, options: CallOptions = {}): Promise<Answer> {
  const headers: Record<string, string> = { ...options.headers };
  if (options.token) headers.authorization = `Bearer ${options.token}`;
  if (options.tenant) headers['x-tenant'] = options.tenant;
  if (options.key) headers['idempotency-key'] = options.key;
  if (options.wait !== undefined) headers.prefer = `wait=${options.wait}`;
  if (options.body !== undefined) headers['content-type'] ??= 'application/json';
  const response = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(options.body === undefined
      ? {}
      : { body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body) }),
  });
  const text = await response.text();
  const json = response.headers.get('content-type')?.includes('json') ?? false;
  return { status: response.status, headers: response.headers, body: json && text ? JSON.parse(text) : text };
}

export interface TestTenant {
  slug: string;
  secretKey: string;
}

export async function createTenant(url: string, slug: string, settings: object = {}): Promise<TestTenant> {
  const answer = await call('POST', `${url}/operator/tenants`, {
    token: operatorToken,
    body: { slug, name: `Tenant ${slug}`, settings },
  });
  if (answer.status !== 201) throw new Error(`no tenant: ${answer.status} ${JSON.stringify(answer.body)}`);
  return { slug, secretKey: answer.body.secretKey };
}

export interface TestUser {
  id: string;
  email: string;
  token: string;
  refreshToken: string;
}

export async function registerUser(url: string, tenant: TestTenant, name = 'user'): Promise<TestUser> {
  const email = `${name}-${randomUUID().slice(0, 8)}@example.com`;
  const answer = await call('POST', `${url}/register`, {
    tenant: tenant.slug,
    body: { email, password: 'correct horse battery', name },
  });
  if (answer.status !== 201)
    throw new Error(`not registered: ${answer.status} ${JSON.stringify(answer.body)}`);
  return {
    id: answer.body.user.id,
    email,
    token: answer.body.accessToken,
    refreshToken: answer.body.refreshToken,
  };
}

/** Gives coins to a user and waits until they are there. */
export async function grant(
  url: string,
  tenant: TestTenant,
  userId: string,
  amount: number,
): Promise<Answer> {
  return call('POST', `${url}/wallet/grant`, {
    token: tenant.secretKey,
    key: randomUUID(),
    wait: 10,
    body: { userId, amount },
  });
}

export async function integrity(url: string, slug: string): Promise<Answer> {
  return call('GET', `${url}/operator/tenants/${slug}/integrity`, { token: operatorToken });
}

/** Polls until `probe` gives something; fails with what it gave last. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  msMax = 60_000,
): Promise<T> {
  const end = Date.now() + msMax;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${msMax} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
