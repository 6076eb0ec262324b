// What is stored of a request stays comparable with the same request of any later day, and of any later version.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { contentHash } from './journal-row.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('the same content has the same hash, in whatever order its fields came', () => {
  const text =
    '["spend","u",{"amount":1,"metadata":{"a":[null,"é\\"",{"x":true,"y":1.5}],"b":{}},"note":"n"}]';
  const body = {
    note: 'n',
    metadata: { b: {}, a: [null, 'é"', { y: 1.5, x: true }] },
    gone: undefined,
    amount: 1,
  };
  expect(contentHash(['spend', 'u', body])).toBe(sha256(text));
});

test('names are sorted by their code units, as every version has sorted them', () => {
  expect(contentHash({ ä: 1, b: 2, B: 3, 10: 4, 9: 5 })).toBe(sha256('{"10":4,"9":5,"B":3,"b":2,"ä":1}'));
});

test.each([
  ['another value', { amount: 2 }],
  ['another type', { amount: '1' }],
  ['one field more', { amount: 1, note: null }],
])('%s has another hash', (_, other) => {
  expect(contentHash(other)).not.toBe(contentHash({ amount: 1 }));
});
