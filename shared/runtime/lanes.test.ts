// Lanes: one flight at a time for each tenant, turns between them, and shared flights only where many have little.
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLanes, type Lanes, type LanesOptions, type Load } from './lanes.ts';

interface Flight {
  loads: Load<number>[];
  land(left?: Load<number>[]): Promise<void>;
}

/** Lanes whose flights land when the test says so; the weight of a piece of work is its own number. */
function openLanes(options: Partial<LanesOptions<number>> = {}): { lanes: Lanes<number>; flights: Flight[] } {
  const flights: Flight[] = [];
  const lanes = createLanes<number>({
    parallel: 2,
    weightMax: 100,
    weigh: (work) => work,
    mayShare: () => true,
    mayJoin: () => true,
    fly: (loads) =>
      new Promise((resolve) => {
        const land = async (left: Load<number>[] = []) => {
          flights.splice(flights.indexOf(flight), 1);
          resolve(left);
          await turn();
        };
        const flight = { loads, land };
        flights.push(flight);
      }),
    ...options,
  });
  return { lanes, flights };
}

const tenantsOf = (flights: Flight[]) =>
  flights.map(({ loads }) => loads.map(({ tenant }) => tenant).join(' '));

test('where flights are free, each tenant has one of its own', async () => {
  const { lanes, flights } = openLanes();
  lanes.add('a', 1);
  lanes.add('b', 1);
  await turn();
  expect(tenantsOf(flights)).toEqual(['a', 'b']);
});

test('where more tenants wait than flights are free, they share them evenly, in turn', async () => {
  const { lanes, flights } = openLanes();
  for (const tenant of ['a', 'b', 'c', 'd', 'e']) lanes.add(tenant, 1);
  await turn();
  expect(tenantsOf(flights)).toEqual(['a b c', 'd e']);
});

test('what arrives while its tenant is under way waits, goes together, and keeps its order', async () => {
  const { lanes, flights } = openLanes();
  lanes.add('a', 1);
  await turn();
  for (const work of [2, 3, 4]) lanes.add('a', work);
  await turn();
  expect(flights).toHaveLength(1);
  await flights[0]?.land();
  expect(flights[0]?.loads).toEqual([{ tenant: 'a', work: [2, 3, 4] }]);
});

test('who has much waiting flies alone, up to the most that a flight carries', async () => {
  const { lanes, flights } = openLanes({ parallel: 1 });
  for (const work of [60, 30, 20]) lanes.add('flood', work);
  for (const tenant of ['a', 'b']) lanes.add(tenant, 1);
  await turn();
  expect(flights[0]?.loads).toEqual([{ tenant: 'flood', work: [60, 30] }]);
  await flights[0]?.land();
  expect(tenantsOf(flights)).toEqual(['a b flood']);
});

test('a piece of work that is heavier than a flight is carried all the same', async () => {
  const { lanes, flights } = openLanes();
  lanes.add('a', 1000);
  await turn();
  expect(flights[0]?.loads).toEqual([{ tenant: 'a', work: [1000] }]);
});

test('what may not share and who may not join stays out of the flights of others', async () => {
  const { lanes, flights } = openLanes({
    parallel: 1,
    mayShare: (work) => work !== 7,
    mayJoin: (_host, guest) => guest !== 'far',
  });
  for (const [tenant, work] of [
    ['a', 1],
    ['b', 7],
    ['far', 1],
    ['c', 1],
  ] as const)
    lanes.add(tenant, work);
  await turn();
  expect(tenantsOf(flights)).toEqual(['a c']);
  await flights[0]?.land();
  expect(tenantsOf(flights)).toEqual(['b']);
  await flights[0]?.land();
  expect(tenantsOf(flights)).toEqual(['far']);
});

test('loads that could not go together fly again alone, and none waits for another', async () => {
  const { lanes, flights } = openLanes({ parallel: 1 });
  for (const tenant of ['a', 'b', 'c']) lanes.add(tenant, 1);
  await turn();
  const [shared] = flights;
  await shared?.land(shared.loads.filter(({ tenant }) => tenant !== 'c'));
  expect(tenantsOf(flights)).toEqual(['a', 'b']);
  lanes.add('b', 2);
  lanes.add('c', 2);
  await flights[1]?.land();
  await flights[0]?.land();
  expect(tenantsOf(flights)).toEqual(['c b']);
  expect(flights[0]?.loads[1]).toEqual({ tenant: 'b', work: [2] });
});

test('all work is carried once, in order, one flight at a time for each tenant; then they are idle', async () => {
  const step = fc.oneof(
    fc.record({ tenant: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), weight: fc.nat(60) }),
    fc.record({ lands: fc.nat(5), left: fc.boolean() }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, parallel) => {
        const carried = new Map<string, number[]>();
        const added = new Map<string, number[]>();
        const { lanes, flights } = openLanes({ parallel });
        const land = async (at: number, left: boolean) => {
          const flight = flights[at % flights.length];
          if (!flight) return;
          const flying = flights.flatMap(({ loads }) => loads.map(({ tenant }) => tenant));
          expect(new Set(flying).size).toBe(flying.length);
          const again = left && flight.loads.length > 1 ? flight.loads.slice(1) : [];
          for (const load of flight.loads) {
            if (again.includes(load)) continue;
            carried.set(load.tenant, [...(carried.get(load.tenant) ?? []), ...load.work]);
          }
          await flight.land(again);
        };
        for (const each of steps) {
          if ('tenant' in each) {
            added.set(each.tenant, [...(added.get(each.tenant) ?? []), each.weight]);
            lanes.add(each.tenant, each.weight);
          } else await land(each.lands, each.left);
        }
        const idle = lanes.idle();
        await turn();
        while (flights.length > 0) await land(0, false);
        await idle;
        expect(carried).toEqual(added);
      },
    ),
    { numRuns: 300 },
  );
});
