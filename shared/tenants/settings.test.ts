// Settings as they are stored and read back, also by code that is older than the row.
import { expect, test } from 'vitest';
import { readSettings, tenantSettings } from './settings.ts';

test('what a newer version stored is left aside, at every depth, and the rest is read', () => {
  const stored = {
    passwordLengthMin: 12,
    invented: { later: true },
    mail: { enabled: false, letterhead: 'gold' },
    packs: [{ id: 'a', name: 'A', coins: 1, price: 1, badge: 'new' }],
  };
  expect(readSettings(stored)).toEqual({
    ...tenantSettings.parse({}),
    passwordLengthMin: 12,
    mail: { enabled: false },
    packs: [{ id: 'a', name: 'A', coins: 1, price: 1, currency: 'usd' }],
  });
  expect(stored.invented).toEqual({ later: true });
});

test('a damaged setting is not taken for a default', () => {
  expect(() => readSettings({ passwordLengthMin: 'long' })).toThrow();
});
