// What is remembered as settled: nothing that is not, nothing for ever, and no more than fits.
import { expect, test } from 'vitest';
import { createSettledIds } from './settled-ids.ts';

test('what was settled along with others is not asked for again, until its job is done', () => {
  const along = createSettledIds();
  expect(along.unsettled(['a', 'b'])).toEqual(['a', 'b']);
  along.remember(['b', 'c']);
  expect(along.unsettled(['a', 'b', 'c', 'd'])).toEqual(['a', 'd']);
  along.forget(['b', 'd']);
  expect(along.unsettled(['a', 'b', 'c', 'd'])).toEqual(['a', 'b', 'd']);
});

test('beyond its bound the oldest are forgotten: those are looked up', () => {
  const along = createSettledIds(3);
  along.remember(['a', 'b', 'c']);
  along.remember(['d', 'e']);
  expect(along.unsettled(['a', 'b', 'c', 'd', 'e'])).toEqual(['a', 'b']);
  along.remember(['f', 'g', 'h', 'i']);
  expect(along.unsettled(['e', 'f', 'g', 'h', 'i'])).toEqual(['e', 'f']);
});
