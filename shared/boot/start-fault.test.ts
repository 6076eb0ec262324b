// What stops a start is told in words, with the setting to look at: each fault here is a real one.
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../config/env.ts';
import { describeStartFault } from './start-fault.ts';

let taken: Server;
let port: number;
beforeAll(async () => {
  taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  ({ port } = taken.address() as AddressInfo);
});
afterAll(() => void taken.close());

async function faultOf(start: () => unknown): Promise<string | undefined> {
  try {
    await start();
  } catch (error) {
    return describeStartFault(error);
  }
  throw new Error('it started');
}
const listenAt = async (host: string, at: number) => once(createServer().listen(at, host), 'listening');
const connectTo = (url: string) => new pg.Client({ connectionString: url }).connect();

test('a port that somebody has, and an address that is not ours', async () => {
  expect(await faultOf(() => listenAt('127.0.0.1', port))).toMatch(`127.0.0.1:${port} is taken.`);
  expect(await faultOf(() => listenAt('192.0.2.1', 0))).toMatch(/^Nobody may listen at 192\.0\.2\.1:.*HOST/);
});

test('a Postgres that is not there, or does not let us in', async () => {
  const url = new URL(process.env.TEST_DATABASE_URL ?? '');
  const changed = (change: Partial<URL>) => Object.assign(new URL(url), change).href;
  const closed = await freePortOf();
  expect(await faultOf(() => connectTo(changed({ host: `127.0.0.1:${closed}` })))).toMatch(
    `No Postgres answers at 127.0.0.1:${closed} (ECONNREFUSED). See DATABASE_URL.`,
  );
  expect(await faultOf(() => connectTo(changed({ password: 'wrong' })))).toMatch(
    /^Postgres does not let us in/,
  );
  expect(await faultOf(() => connectTo(changed({ pathname: '/nowhere' })))).toMatch(
    /"nowhere" does not exist/,
  );
});

test('a data folder inside a file, and a name that nobody has', async () => {
  const inside = `${import.meta.filename}/data`;
  expect(await faultOf(() => mkdir(inside, { recursive: true }))).toBe(
    `${inside} cannot be used (ENOTDIR, mkdir). See DATA_DIR.`,
  );
  expect(await faultOf(() => listenAt('no-such-host.invalid', 0))).toMatch(
    'The name "no-such-host.invalid" has no address.',
  );
});

test('faulty settings by their own message, and nothing that is ours to mend', async () => {
  expect(await faultOf(() => loadConfig({ PORT: 'x' }))).toMatch(/PORT: must be a whole number/);
  expect(describeStartFault(new TypeError('undefined is not a function'))).toBeUndefined();
  expect(describeStartFault(undefined)).toBeUndefined();
});

async function freePortOf(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return free;
}
