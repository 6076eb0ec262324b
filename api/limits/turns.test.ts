// Logins of one account take turns; those of others are not held up, and nobody waits without end.
import { expect, test } from 'vitest';
import { createTurns } from './turns.ts';

/** Work that ends when it is told to. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, end: resolve };
}

test('four of a key run at once, the next when one ends, and another key at once', async () => {
  const turns = createTurns();
  const started: number[] = [];
  const jobs = Array.from({ length: 6 }, held);
  const runs = jobs.map(({ work }, n) =>
    turns.run('a', () => {
      started.push(n);
      return work();
    }),
  );
  await turns.run('b', async () => undefined);
  expect(started).toEqual([0, 1, 2, 3]);
  jobs[2]?.end();
  await runs[2];
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2, 3, 4]);
  for (const { end } of jobs) end();
  await Promise.all(runs);
  expect(started).toEqual([0, 1, 2, 3, 4, 5]);
});

test('work that fails gives its place away, too', async () => {
  const turns = createTurns();
  const fail = () => turns.run('a', () => Promise.reject(new Error('wrong')));
  const ends = await Promise.allSettled(Array.from({ length: 20 }, fail));
  expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
  expect(await turns.run('a', async () => 'in')).toBe('in');
});

test('beyond 64 that wait the next is sent away, and there is room again once they are through', async () => {
  const turns = createTurns();
  const job = held();
  // Four of each key run, the others wait.
  const runs = Array.from({ length: 4 + 4 + 64 }, (_, n) => turns.run(n % 2 === 0 ? 'a' : 'b', job.work));
  const beyond = turns.run('a', job.work);
  await expect(beyond).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 2 });
  expect(await turns.run('c', async () => 'in')).toBe('in');
  job.end();
  await Promise.all(runs);
  expect(await turns.run('a', async () => 'in')).toBe('in');
});
