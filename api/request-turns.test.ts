// Requests begin in turns: the first of a moment at once, the others a few at a time, no tenant before it is its turn.
import { setImmediate as turn } from 'node:timers/promises';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { createRequestTurns } from './request-turns.ts';

const tokenOf = (tenant: string, user: string) =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(`https://coins.test/t/${tenant}`)
    .setSubject(user)
    .sign(new TextEncoder().encode('x'.repeat(32)));

const user = async (tenant: string, name: string) => ({
  authorization: `Bearer ${await tokenOf(tenant, name)}`,
});
const key = (name: string) => ({ authorization: `Bearer sk_${name}` });

test('requests of quiet times begin at once', async () => {
  const turns = createRequestTurns();
  for (let n = 0; n < 50; n += 1) {
    let begun = false;
    turns.begin(key('a'), () => {
      begun = true;
    });
    expect(begun).toBe(true);
    await turn();
  }
});

test('of many at once, a few begin in each round of the event loop, in order, until all have', async () => {
  const turns = createRequestTurns();
  const begun: number[] = [];
  for (let n = 0; n < 20; n += 1) turns.begin(key('a'), () => begun.push(n));
  const rounds: number[] = [begun.length];
  while (begun.length < 20) {
    await turn();
    rounds.push(begun.length - rounds.reduce((sum, each) => sum + each, 0));
  }
  expect(rounds).toEqual([8, 8, 4]);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test.each([
  ['users of another tenant', (n: number) => user('flood', `user-${n}`), () => user('quiet', 'ada')],
  ['a platform with another key', async () => key('flood'), async () => key('quiet')],
  ['whoever has no credential', () => user('flood', 'one'), async () => ({ 'x-tenant': 'quiet' })],
])('a flood keeps %s waiting for one round at most', async (_, flood, quiet) => {
  const turns = createRequestTurns();
  const many = await Promise.all(Array.from({ length: 200 }, (__, n) => flood(n)));
  const lone = await quiet();
  let flooded = 0;
  let served = false;
  for (const headers of many) {
    turns.begin(headers, () => {
      flooded += 1;
    });
  }
  turns.begin(lone, () => {
    served = true;
  });
  await turn();
  expect(served).toBe(true);
  expect(flooded).toBeLessThan(20);
  while (flooded < 200) await turn();
});

test('what is no token at all waits in a line like others', async () => {
  const turns = createRequestTurns();
  let begun = 0;
  for (const authorization of ['Bearer', 'Basic x', 'Bearer a.b.c', '', '...', undefined]) {
    for (let n = 0; n < 5; n += 1) {
      turns.begin(authorization === undefined ? {} : { authorization }, () => {
        begun += 1;
      });
    }
  }
  for (let n = 0; n < 10; n += 1) await turn();
  expect(begun).toBe(30);
});
