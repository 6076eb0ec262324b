// The token cache: one call for many askers, and no token ever for another tenant, address or secret.
import { expect, test } from 'vitest';
import { createTokenCache, type TokenOwner } from './tokens.ts';

const owner: TokenOwner = {
  tenant: 'acme',
  baseUrl: 'https://api.example',
  credentials: { clientId: 'client', clientSecret: 'secret' },
};

/** A login that counts its calls, and a clock that stands still until it is moved. */
function openCache(lifetimeSeconds = 3600) {
  const calls: TokenOwner[] = [];
  const clock = { ms: 1_000_000 };
  const state: { failure?: Error } = {};
  const cache = createTokenCache(
    async (asker) => {
      calls.push(asker);
      const number = calls.length;
      await new Promise((resolve) => setImmediate(resolve));
      if (state.failure) throw state.failure;
      return { text: `token-${number}`, lifetimeSeconds };
    },
    () => clock.ms,
  );
  return { cache, calls, clock, state };
}

test('eight that ask at once share one login', async () => {
  const { cache, calls } = openCache();
  const tokens = await Promise.all(Array.from({ length: 8 }, () => cache.get({ ...owner })));
  expect(new Set(tokens)).toEqual(new Set(['token-1']));
  expect(calls).toHaveLength(1);
});

test.each<[string, TokenOwner]>([
  ['tenant', { ...owner, tenant: 'other' }],
  ['address', { ...owner, baseUrl: 'https://api.elsewhere' }],
  ['client id', { ...owner, credentials: { clientId: 'client2', clientSecret: 'secret' } }],
  ['secret', { ...owner, credentials: { clientId: 'client', clientSecret: 'wrong' } }],
  [
    'place of the border between two fields',
    { ...owner, credentials: { clientId: 'clients', clientSecret: 'ecret' } },
  ],
])('another %s gets no token of this one', async (_what, other) => {
  const { cache, calls } = openCache();
  expect(await cache.get(owner)).toBe('token-1');
  expect(await cache.get(other)).toBe('token-2');
  expect(await cache.get(owner)).toBe('token-1');
  expect(calls).toEqual([owner, other]);
});

test('a token is renewed before its end', async () => {
  const { cache, clock } = openCache(3600);
  expect(await cache.get(owner)).toBe('token-1');
  clock.ms += (3600 - 301) * 1000;
  expect(await cache.get(owner)).toBe('token-1');
  clock.ms += 2000;
  expect(await cache.get(owner)).toBe('token-2');
});

test('a token of a few seconds is used for most of them', async () => {
  const { cache, clock } = openCache(10);
  await cache.get(owner);
  clock.ms += 8999;
  expect(await cache.get(owner)).toBe('token-1');
  clock.ms += 1;
  expect(await cache.get(owner)).toBe('token-2');
});

test('a login that failed is not remembered, and fails everyone who waited for it', async () => {
  const { cache, calls, state } = openCache();
  state.failure = new Error('no');
  const both = await Promise.allSettled([cache.get(owner), cache.get(owner)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(calls).toHaveLength(1);
  state.failure = undefined;
  expect(await cache.get(owner)).toBe('token-2');
});

test('a token that was not taken is fetched anew, once for all who saw it refused', async () => {
  const { cache, calls } = openCache();
  const token = await cache.get(owner);
  cache.reject(owner, token);
  const renewed = cache.get(owner);
  // The second of two calls that failed with the old token must not throw the new one away.
  cache.reject(owner, token);
  expect(await renewed).toBe('token-2');
  cache.reject(owner, token);
  expect(await cache.get(owner)).toBe('token-2');
  expect(calls).toHaveLength(2);
});
