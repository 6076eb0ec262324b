// A protected provider is still the whole port: lists of changes are read through it, and what it lacks it lacks.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Tenant } from '#shared/tenants/directory.ts';
import { protect } from './bulkhead.ts';
import type { PaymentProvider } from './provider.ts';
import { ProviderUnavailable } from './unavailable.ts';

const acme = { slug: 'acme' } as Tenant;
const other = { slug: 'other' } as Tenant;
const range = { from: new Date(0), to: new Date(1) };
const hint = { about: 'checkout', ref: 'a' } as const;
const away = (text = 'away') => new ProviderUnavailable('stub', text);

let states: string[];
let real: PaymentProvider;
let provider: PaymentProvider;

beforeEach(() => {
  states = [];
  real = {
    name: 'stub',
    isConfigured: ({ slug }) => slug === 'acme',
    createCheckout: () => Promise.reject(away()),
    look: () => Promise.reject(away()),
    refund: () => Promise.reject(away()),
    readHint: () => hint,
    async *listChanges() {},
  };
  provider = protect(real, {
    onState: (_name, _tenant, state, cause) => states.push(`${state}: ${cause?.message}`),
  });
});

describe('a list of changes', () => {
  test('whose page fails is a failure, and what came from an earlier page hides none', async () => {
    let isEnded = false;
    real.listChanges = async function* () {
      try {
        yield hint;
        yield hint;
        throw away('page');
      } finally {
        isEnded = true;
      }
    };
    const list = provider.listChanges(acme, range)[Symbol.asyncIterator]();
    await list.next();
    for (let time = 0; time < 2; time += 1) await expect(provider.look(acme, hint)).rejects.toThrow('away');
    await list.next();
    await expect(list.next()).rejects.toThrow('page');
    expect(states).toEqual(['open: stub: page']);
    expect(isEnded).toBe(true);
  });

  test('that nobody reads to its end is closed at the provider, and holds no slot', async () => {
    let open = 0;
    let ended = 0;
    real.listChanges = async function* () {
      open += 1;
      try {
        for (;;) yield hint;
      } finally {
        ended += 1;
      }
    };
    // More readers than slots, each between two steps.
    const lists = [1, 2, 3].map(() => provider.listChanges(acme, range)[Symbol.asyncIterator]());
    for (const list of lists) expect(await list.next()).toEqual({ done: false, value: hint });
    for (const list of lists) await list.return?.();
    expect([open, ended]).toEqual([3, 3]);
  });

  test('ends where the provider ends it', async () => {
    real.listChanges = async function* () {
      yield* [hint, hint, hint];
    };
    expect(await Array.fromAsync(provider.listChanges(acme, range))).toEqual([hint, hint, hint]);
  });
});

describe('a protected provider', () => {
  test('is the provider as it was: what it has it has, and what it lacks it lacks', async () => {
    expect(provider.name).toBe('stub');
    expect([provider.isConfigured(acme), provider.isConfigured(other)]).toEqual([true, false]);
    expect(provider.readHint(Buffer.from(''))).toEqual(hint);
    expect('capture' in provider || 'verify' in provider).toBe(false);
    const whole = protect({ ...real, capture: async () => undefined, verify: async () => true });
    expect(await whole.verify?.(acme, { headers: {}, body: Buffer.from('') })).toBe(true);
    await whole.capture?.(acme, { purchaseId: 'p', checkoutRef: 'c' });
  });
});
