// What is sealed opens only under its own key, in its own place, and unchanged; keys can be rotated.
import { describe, expect, test } from 'vitest';
import { createKeyring } from './secrets.ts';
import { sealCredentials } from './settings.ts';

const [oldKey, newKey, otherKey] = ['old', 'new', 'other'].map((name) => `${name}-key-`.repeat(8)) as [
  string,
  string,
  string,
];
const keyring = createKeyring([newKey, oldKey]);
const context = 'tenant/acme/provider/stripe';

describe('a sealed value', () => {
  test('opens to what was sealed, whatever that was', () => {
    for (const plain of ['', 'sk_live_1', 'ünïcödé 🦊\0', 'x'.repeat(100_000)]) {
      expect(keyring.open(keyring.seal(plain, context), context)).toBe(plain);
    }
  });

  test('shows nothing of its content, and never looks the same twice', () => {
    const plain = 'sk_live_secret';
    const [one, two] = [keyring.seal(plain, context), keyring.seal(plain, context)];
    expect(one).not.toBe(two);
    for (const text of [one, Buffer.from(one, 'base64url').toString('latin1')])
      expect(text).not.toContain(plain);
    const nonces = Array.from({ length: 500 }, () => keyring.seal('', '').split('.')[2]);
    expect(new Set(nonces).size).toBe(500);
    expect(Buffer.from(nonces[0] ?? '', 'base64url')).toHaveLength(12);
  });

  test('does not open in another place', () => {
    const sealed = keyring.seal('secret', context);
    for (const elsewhere of [
      '',
      'tenant/evil/provider/stripe',
      `${context} `,
      'tenant/acme/provider/paypal',
    ]) {
      expect(() => keyring.open(sealed, elsewhere)).toThrow();
    }
  });

  test('does not open when any of it was changed', () => {
    const sealed = keyring.seal('secret', context);
    const [version, id, nonce, body] = sealed.split('.') as [string, string, string, string];
    const flip = (text: string, at: number) => {
      const bytes = Buffer.from(text, 'base64url');
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes.toString('base64url');
    };
    const bytes = Buffer.from(body, 'base64url').length;
    const changed = [
      ...Array.from({ length: bytes }, (_, at) => [version, id, nonce, flip(body, at)]),
      ...Array.from({ length: 12 }, (_, at) => [version, id, flip(nonce, at), body]),
      [version, id, nonce, ''],
      [version, id, '', body],
      ['v2', id, nonce, body],
      [version, '00000000', nonce, body],
      [version, id, nonce],
      [version, id, nonce, body, ''],
      [''],
    ];
    for (const parts of changed)
      expect(() => keyring.open(parts.join('.'), context), parts.join('.')).toThrow();
    expect(keyring.open(sealed, context)).toBe('secret');
  });

  test('does not open with a part of its tag, which would be easier to guess', () => {
    const [version, id, nonce, tag] = keyring.seal('', context).split('.') as [
      string,
      string,
      string,
      string,
    ];
    for (let bytes = 0; bytes < 16; bytes += 1) {
      const cut = Buffer.from(tag, 'base64url').subarray(0, bytes).toString('base64url');
      expect(() => keyring.open([version, id, nonce, cut].join('.'), context), `${bytes} bytes`).toThrow();
    }
  });

  test('of a key that is gone does not open, and the message names the key without telling it', () => {
    const sealed = createKeyring([otherKey]).seal('secret', context);
    expect(() => keyring.open(sealed, context)).toThrow(/key [0-9a-f]{8}/);
    try {
      keyring.open(sealed, context);
    } catch (error) {
      expect(String(error)).not.toMatch(/other-key|new-key|old-key/);
    }
  });
});

describe('rotation', () => {
  test('opens what the previous key sealed, and seals with the new one only', () => {
    const before = createKeyring([oldKey]);
    const sealed = before.seal('secret', context);
    expect(keyring.open(sealed, context)).toBe('secret');
    const resealed = keyring.seal('secret', context);
    expect(resealed.split('.')[1]).toBe(keyring.keyId);
    expect(keyring.keyId).not.toBe(before.keyId);
    expect(() => before.open(resealed, context)).toThrow();
    expect(createKeyring([newKey]).open(resealed, context)).toBe('secret');
    expect(() => createKeyring([newKey]).open(sealed, context)).toThrow();
  });

  test('derives from the current key, and from a previous one by name', () => {
    const before = createKeyring([oldKey]);
    expect(keyring.derive('a')).toHaveLength(32);
    expect(keyring.derive('a')).toEqual(createKeyring([newKey]).derive('a'));
    expect(keyring.derive('a')).not.toEqual(keyring.derive('b'));
    expect(keyring.derive('a')).not.toEqual(before.derive('a'));
    expect(keyring.deriveUnder(before.keyId, 'a')).toEqual(before.derive('a'));
    expect(keyring.deriveUnder('00000000', 'a')).toBeUndefined();
    expect(keyring.mac('a', 'text')).not.toEqual(keyring.mac('b', 'text'));
    expect(keyring.mac('a', 'text')).toEqual(createKeyring([newKey]).mac('a', 'text'));
  });

  test('needs a key', () => expect(() => createKeyring([])).toThrow());
});

test('credentials of a provider are sealed each by itself, bound to tenant and provider, and can be removed', () => {
  const stripe = { secretKey: 'sk_live_1', webhookSecret: 'whsec_1' };
  const paypal = { clientId: 'id', clientSecret: 'secret', webhookId: 'wh' };
  const one = sealCredentials(keyring, 'acme', {}, { providers: { stripe } });
  const both = sealCredentials(keyring, 'acme', one, { providers: { paypal } });
  expect(both.stripe).toBe(one.stripe);
  expect(JSON.stringify(both)).not.toMatch(/sk_live_1|whsec_1/);
  // What is stored must open for as long as it is stored: the context is a format.
  const open = (tenant: string, name: string) =>
    JSON.parse(keyring.open(both.stripe as string, `tenant/${tenant}/provider/${name}`));
  expect(open('acme', 'stripe')).toEqual(stripe);
  expect(() => open('evil', 'stripe')).toThrow();
  expect(() => open('acme', 'paypal')).toThrow();
  expect(sealCredentials(keyring, 'acme', both, {})).toEqual(both);
  expect(Object.keys(sealCredentials(keyring, 'acme', both, { providers: { stripe: null } }))).toEqual([
    'paypal',
  ]);
  const replaced = sealCredentials(keyring, 'acme', both, {
    providers: { stripe: { ...stripe, webhookSecret: 'whsec_2' } },
  });
  expect(keyring.open(replaced.stripe as string, 'tenant/acme/provider/stripe')).toContain('whsec_2');
});
