// Each kind of fault, as a client sees it and as the emulator's state shows it.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmulatorServer, jsonAnswer, startEmulatorServer } from './emulator-server.ts';
import { createFaults, type FaultPlan } from './faults.ts';

let faults: FaultPlan;
let server: EmulatorServer;
/** What was done: requests that got through to the emulated provider. */
let done: number;
beforeEach(async () => {
  faults = createFaults();
  done = 0;
  server = await startEmulatorServer({
    faults,
    errorBody: (status) => ({ ours: status }),
    answer: async (request) => {
      await request.pause();
      done += 1;
      return jsonAnswer(200, { done, failing: request.failure?.status ?? null });
    },
  });
});
afterEach(() => server.close());

const call = (path = '/v1/things', method = 'POST', ms = 10_000) =>
  fetch(server.url + path, { method, signal: AbortSignal.timeout(ms) });

test('an error is answered with its own or the provider’s body, and nothing is done', async () => {
  faults.add({ path: /things/, kind: 'error', status: 503 });
  faults.add({ path: /things/, kind: 'error', status: 404, body: {} });
  const [first, second] = [await call(), await call()];
  expect([first.status, await first.json()]).toEqual([503, { ours: 503 }]);
  expect([second.status, await second.json()]).toEqual([404, {}]);
  expect(done).toBe(0);
  expect((await call()).status).toBe(200);
});

test.each([
  ['hang', 0, null],
  ['drop', 0, null],
  ['act_then_hang', 1, null],
  ['act_then_drop', 1, null],
] as const)('%s: no answer, and %i done', async (kind, expected, answered) => {
  faults.add({ path: /things/, kind });
  await expect(call('/v1/things', 'POST', 500)).rejects.toThrow();
  await faults.met(kind);
  await expect.poll(() => done).toBe(expected);
  expect(server.requests[0]?.answered).toBe(answered);
});

test('act_then_error does the work, tells the emulator, and answers 500', async () => {
  faults.add({ path: /things/, kind: 'act_then_error' });
  const answer = await call();
  expect([answer.status, await answer.json(), done]).toEqual([500, { ours: 500 }, 1]);
});

test('cut sends a good head and half a body', async () => {
  faults.add({ path: /things/, kind: 'cut' });
  const answer = await call();
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow();
  expect(done).toBe(1);
});

test('drip sends a byte at a time', async () => {
  faults.add({ path: /things/, kind: 'drip', ms: 100 });
  const answer = await call('/v1/things', 'POST', 700);
  await expect(answer.text()).rejects.toThrow(/timeout/);
  faults.add({ path: /things/, kind: 'drip', ms: 1 });
  expect(await (await call()).json()).toEqual({ done: 2, failing: null });
});

test('html is the web page of a proxy, and nothing is done', async () => {
  faults.add({ path: /things/, kind: 'html' });
  const answer = await call();
  expect(answer.status).toBe(502);
  expect(answer.headers.get('content-type')).toBe('text/html');
  expect(await answer.text()).toMatch(/^<html>/);
  expect(done).toBe(0);
});

test('delay waits before the work and then all is normal', async () => {
  faults.add({ path: /things/, kind: 'delay', ms: 60 });
  const answering = call();
  await faults.met('delay');
  expect(done).toBe(0);
  expect((await answering).status).toBe(200);
  expect(done).toBe(1);
});

test('a fault is met by its method and path alone, as often as it says, and not after clear', async () => {
  faults.add({ method: 'POST', path: /things$/, kind: 'error', times: 2 });
  const statuses: number[] = [];
  for (const [path, method] of [
    ['/v1/things', 'GET'],
    ['/v1/others?a=things', 'POST'],
    ['/v1/things', 'POST'],
    ['/v1/things', 'POST'],
    ['/v1/things', 'POST'],
  ]) {
    statuses.push((await call(path, method)).status);
  }
  expect(statuses).toEqual([200, 200, 500, 500, 200]);
  faults.add({ path: /./, kind: 'error' });
  faults.clear();
  expect((await call()).status).toBe(200);
});

test('closing ends requests that hang', async () => {
  faults.add({ path: /things/, kind: 'hang' });
  const hanging = fetch(`${server.url}/v1/things`).catch((error: Error) => error);
  await faults.met('hang');
  await server.close();
  expect(await hanging).toBeInstanceOf(Error);
  server = await startEmulatorServer({ faults, answer: () => jsonAnswer(200, {}) });
});
