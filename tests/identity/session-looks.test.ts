// Looks at sessions: those of one moment share a statement, and each is answered for itself.
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRevocations } from '#api/identity/revocations.ts';
import { openTestIdentity, register } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;

beforeAll(async () => {
  identity = await openTestIdentity('identity_session_looks');
});
afterAll(() => identity.close());

async function openSession(tenant: 'acme' | 'other') {
  const { accessToken } = await register(identity, tenant);
  const { sub = '', sid } = decodeJwt(accessToken);
  return { claims: { tenant, userId: sub, sessionId: String(sid) }, accessToken };
}
const claimsOf = async (tenant: 'acme' | 'other') => (await openSession(tenant)).claims;

/** Deaf, so that what was ended is found by looking; counts its connections, and `gone` breaks them. */
function openLooking() {
  const state = { connections: 0, gone: false };
  const services = identity.deps;
  const app = new Proxy(services.db.app, {
    get(pool, name) {
      if (name !== 'connect') return Reflect.get(pool, name);
      return (...args: Parameters<typeof pool.connect>) => {
        state.connections += 1;
        if (state.gone) return Promise.reject(new Error('Postgres is away'));
        return pool.connect(...args);
      };
    },
  });
  const listener = { ...services.listener, on: async () => {} };
  const revocations = createRevocations({ ...services, listener, db: { ...services.db, app } });
  return { state, revocations };
}

test('those of one moment share a connection for each tenant, and each learns of its own session', async () => {
  const { state, revocations } = openLooking();
  const [live, foreign, elsewhere, stray] = await Promise.all([
    claimsOf('acme'),
    claimsOf('acme'),
    claimsOf('other'),
    claimsOf('other'),
  ]);
  const { claims: ended, accessToken } = await openSession('acme');
  expect((await identity.call('POST', '/logout', { bearer: accessToken })).status).toBe(204);
  const asked = [
    ...[live, ended, elsewhere],
    // Somebody else's, and one of another tenant.
    { ...foreign, userId: live.userId },
    { ...stray, tenant: 'acme' },
    ...Array.from({ length: 40 }, () => live),
  ];
  const answers = await Promise.all(asked.map((claims) => revocations.isLive(claims)));
  expect(answers.slice(0, 5)).toEqual([true, false, true, false, false]);
  expect(answers.slice(5).every(Boolean)).toBe(true);
  expect(state.connections).toBe(2);
});

test('what comes while one is under way is asked next, and a fault is told to all who asked', async () => {
  const { state, revocations } = openLooking();
  const people = await Promise.all(Array.from({ length: 6 }, () => claimsOf('acme')));
  state.gone = true;
  const failed = await Promise.allSettled(people.map((claims) => revocations.isLive(claims)));
  expect(failed.map(({ status }) => status)).toEqual(people.map(() => 'rejected'));
  expect(state.connections).toBe(1);
  state.gone = false;
  const first = revocations.isLive(people[0]!);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const rest = people.slice(1).map((claims) => revocations.isLive(claims));
  expect(await Promise.all([first, ...rest])).toEqual(people.map(() => true));
  expect(state.connections).toBe(3);
});
