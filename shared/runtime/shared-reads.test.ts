// Reads that are shared: one for a moment, never one from before a change.
import { expect, test } from 'vitest';
import { createSharedReads } from './shared-reads.ts';

function openReads() {
  const reads = createSharedReads<string>();
  const begun: { key: string; end(value: string): void; fail(error: Error): void }[] = [];
  const kept: string[] = [];
  const share = (key: string) =>
    reads.share(
      key,
      () => new Promise<string>((end, fail) => void begun.push({ key, end, fail })),
      (value) => void kept.push(value),
    );
  return { reads, begun, kept, share };
}

test('those who ask for the same at the same time share one; later ones read anew', async () => {
  const { begun, kept, share } = openReads();
  const first = [share('a'), share('a'), share('b')];
  expect(begun.map(({ key }) => key)).toEqual(['a', 'b']);
  begun[0]!.end('1');
  begun[1]!.end('2');
  expect(await Promise.all(first)).toEqual(['1', '1', '2']);
  const later = share('a');
  expect(begun).toHaveLength(3);
  begun[2]!.end('3');
  expect(await later).toBe('3');
  expect(kept).toEqual(['1', '2', '3']);
});

test.each(['a', undefined])(
  'who asks after a change gets nothing that was read before it (%s)',
  async (key) => {
    const { reads, begun, kept, share } = openReads();
    const before = share('a');
    reads.forget(key);
    const after = share('a');
    expect(begun).toHaveLength(2);
    begun[0]!.end('old');
    expect(await before).toBe('old');
    // The end of the old one does not end the new one.
    const beside = share('a');
    expect(begun).toHaveLength(2);
    begun[1]!.end('new');
    expect(await Promise.all([after, beside])).toEqual(['new', 'new']);
    expect(kept).toEqual(['new']);
  },
);

test('a fault is told to all who asked, and not remembered', async () => {
  const { begun, kept, share } = openReads();
  const both = [share('a'), share('a')];
  begun[0]!.fail(new Error('away'));
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const again = share('a');
  begun[1]!.end('here');
  expect(await again).toBe('here');
  expect(kept).toEqual(['here']);
});
