// Work of many tenants in turns: what a tenant has waiting goes together, and the little that many have shares a flight.

/** What one tenant brings to a flight. */
export interface Load<W> {
  tenant: string;
  work: W[];
}

export interface LanesOptions<W> {
  /** Flights under way at once. */
  parallel: number;
  /** What a tenant brings to one flight at most; a single piece of work may be heavier. */
  weightMax: number;
  weigh(work: W): number;
  /** Work that needs a flight of its own says no. */
  mayShare(work: W): boolean;
  /** Whether `guest` may come along in a flight of `host`. */
  mayJoin(host: string, guest: string): boolean;
  /**
   * Carries the loads, each of another tenant; must not reject.
   * @returns those that it could not carry together: each flies again, alone, and none waits for another
   */
  fly(loads: Load<W>[]): Promise<Load<W>[]>;
}

export interface Lanes<W> {
  add(tenant: string, work: W): void;
  /** Something of this tenant has not flown yet. */
  hasWaiting(tenant: string): boolean;
  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void>;
}

interface Lane<W> {
  waiting: W[];
  flying: boolean;
}

/** A tenant with more than this waiting flies alone: it is a good batch by itself, and would keep the others waiting. */
const smallMax = 20;
/** Tenants of one flight. */
const loadsMax = 50;

/**
 * One flight at a time for each tenant: while it is under way, what arrives waits and makes up the next one. Tenants take
 * turns. No timer, and nobody waits while a flight is free: only where more tenants wait than there are free flights do
 * they share one.
 */
export function createLanes<W>(options: LanesOptions<W>): Lanes<W> {
  const lanes = new Map<string, Lane<W>>();
  /** Those that wait and do not fly, whose turn it is first. */
  const ready = new Map<string, Lane<W>>();
  const idle: (() => void)[] = [];
  let flights = 0;
  let scheduled = false;

  const isSmall = (lane: Lane<W>): boolean => {
    let weight = 0;
    for (const work of lane.waiting) {
      weight += options.weigh(work);
      if (weight > smallMax || !options.mayShare(work)) return false;
    }
    return true;
  };

  const takeLoad = (tenant: string, lane: Lane<W>): Load<W> => {
    ready.delete(tenant);
    lane.flying = true;
    let count = 0;
    let weight = 0;
    for (const work of lane.waiting) {
      weight += options.weigh(work);
      if (count > 0 && weight > options.weightMax) break;
      count += 1;
    }
    return { tenant, work: lane.waiting.splice(0, count) };
  };

  const takeLoads = (): Load<W>[] => {
    const share = Math.min(loadsMax, Math.ceil(ready.size / (options.parallel - flights)));
    const loads: Load<W>[] = [];
    let host: string | undefined;
    for (const [tenant, lane] of ready) {
      if (host === undefined) {
        host = tenant;
        const alone = share === 1 || !isSmall(lane);
        loads.push(takeLoad(tenant, lane));
        if (alone) break;
      } else if (options.mayJoin(host, tenant) && isSmall(lane)) loads.push(takeLoad(tenant, lane));
      if (loads.length >= share) break;
    }
    return loads;
  };

  const land = (loads: Load<W>[]) => {
    flights -= 1;
    for (const { tenant } of loads) {
      const lane = lanes.get(tenant);
      if (!lane) continue;
      lane.flying = false;
      if (lane.waiting.length === 0) lanes.delete(tenant);
      else ready.set(tenant, lane);
    }
    pump();
  };

  const fly = async (loads: Load<W>[]) => {
    flights += 1;
    const left = await options.fly(loads);
    const alone = loads.length === 1 ? [] : left;
    for (const load of alone) void fly([load]);
    land(loads.filter((load) => !alone.includes(load)));
  };

  const pump = () => {
    while (flights < options.parallel && ready.size > 0) void fly(takeLoads());
    if (flights === 0) for (const resolve of idle.splice(0)) resolve();
  };

  /** What comes in the same turn of the event loop goes together. */
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      pump();
    });
  };

  return {
    add(tenant, work) {
      const lane = lanes.get(tenant) ?? { waiting: [], flying: false };
      lanes.set(tenant, lane);
      lane.waiting.push(work);
      if (lane.flying) return;
      ready.set(tenant, lane);
      schedule();
    },
    hasWaiting: (tenant) => (lanes.get(tenant)?.waiting.length ?? 0) > 0,
    idle: () =>
      new Promise((resolve) => {
        idle.push(resolve);
        setImmediate(pump);
      }),
  };
}
