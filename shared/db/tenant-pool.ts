// Connections for tenants' data: a tenant comes back to those that know it, so that few have to keep what it needs.
import type pg from 'pg';

interface Waiter {
  home: number;
  /** It has waited long enough to take any connection: its own may be busy with something long. */
  late: boolean;
  take(slot: number): void;
}

/**
 * Tenants that a connection is to know: Postgres keeps plans and descriptions of tables for each of them, some tenths
 * of a mebibyte.
 */
const tenantsPerConnection = 250;
/** How long work waits for a connection that knows its tenant: any other has to learn it first. */
const patienceMs = 50;
/** The same for work of many tenants, which another connection would have to learn all. */
const longPatienceMs = 1000;
const waitMsMax = 5000;

/**
 * A pool whose connections have regular guests. With few tenants each may use all of them; the more there are, the
 * fewer are for each, so that none has to know them all. While those are busy, its work waits for one of them.
 */
export class TenantPool {
  readonly #slots: pg.Pool[];
  readonly #waiters: Waiter[] = [];
  readonly #homes = new Map<string, number>();
  #turn = 0;
  ending = false;

  /** @param open makes a pool of one connection */
  constructor(size: number, open: () => pg.Pool) {
    this.#slots = Array.from({ length: size }, (_, index) => {
      const slot = open();
      // The connection counts as free, or as gone, only after this turn.
      slot.on('release', () => process.nextTick(() => this.#serve(index)));
      return slot;
    });
  }

  get totalCount(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.totalCount, 0);
  }

  get idleCount(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.idleCount, 0);
  }

  get waitingCount(): number {
    return this.#waiters.length;
  }

  /**
   * A connection, which is to be released; without a tenant any.
   * @param isForMany for work of many tenants that are at home with this one
   * @throws Error when none becomes free within five seconds, or none can be opened
   */
  connect(tenant?: string, isForMany = false): Promise<pg.PoolClient> {
    const home = tenant === undefined ? this.#nextTurn() : this.#homeOf(tenant);
    const free = this.#findFree(home, tenant === undefined ? this.#slots.length : this.#spread());
    return free === undefined ? this.#wait(home, isForMany ? longPatienceMs : patienceMs) : this.#take(free);
  }

  /** Whether the first connection of `host` knows `guest`, too. */
  areNeighbours(host: string, guest: string): boolean {
    const size = this.#slots.length;
    return (this.#homeOf(host) - this.#homeOf(guest) + size) % size < this.#spread();
  }

  /** On the shared tables; a statement on a tenant's needs `withTenant`. */
  async query<R extends pg.QueryResultRow = pg.QueryResultRow>(
    query: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<R>> {
    const client = await this.connect();
    let lost: Error | undefined;
    const onError = (error: Error) => {
      lost = error;
    };
    client.on('error', onError);
    try {
      return await client.query<R>(query as pg.QueryConfig, values);
    } finally {
      client.off('error', onError);
      client.release(lost);
    }
  }

  async end(): Promise<void> {
    this.ending = true;
    await Promise.all(this.#slots.map((slot) => slot.end()));
  }

  #slotAt(index: number): pg.Pool {
    const slot = this.#slots[index];
    if (!slot) throw new Error('there is no such connection');
    return slot;
  }

  #nextTurn(): number {
    this.#turn = (this.#turn + 1) % this.#slots.length;
    return this.#turn;
  }

  /** In turns, so that as many are at home at each. */
  #homeOf(tenant: string): number {
    const known = this.#homes.get(tenant);
    if (known !== undefined) return known;
    const home = this.#homes.size % this.#slots.length;
    this.#homes.set(tenant, home);
    return home;
  }

  /** For how many connections each tenant is a guest. */
  #spread(): number {
    const size = this.#slots.length;
    const share = Math.floor((size * tenantsPerConnection) / Math.max(1, this.#homes.size));
    return Math.min(size, Math.max(2, share));
  }

  #findFree(home: number, spread: number): number | undefined {
    const size = this.#slots.length;
    for (let step = 0; step < Math.min(spread, size); step += 1) {
      const index = (home + step) % size;
      if (isFree(this.#slotAt(index))) return index;
    }
    return undefined;
  }

  async #take(index: number): Promise<pg.PoolClient> {
    try {
      return await this.#slotAt(index).connect();
    } catch (error) {
      // What was not opened is not released, and those who wait must hear of it too.
      process.nextTick(() => this.#serve(index));
      throw error;
    }
  }

  #wait(home: number, patience: number): Promise<pg.PoolClient> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new Error('timeout exceeded when trying to connect'));
      };
      const grow = () => {
        waiter.late = true;
        timer = setTimeout(leave, waitMsMax - patience);
        const free = this.#findFree(home, this.#slots.length);
        if (free !== undefined) this.#serve(free);
      };
      let timer = setTimeout(grow, patience);
      const take = (index: number) => {
        clearTimeout(timer);
        resolve(this.#take(index));
      };
      const waiter: Waiter = { home, late: false, take };
      this.#waiters.push(waiter);
    });
  }

  /** Gives a connection that is free to whoever is late, else to the first of its guests. */
  #serve(index: number): void {
    if (this.#waiters.length === 0 || !isFree(this.#slotAt(index))) return;
    const size = this.#slots.length;
    const spread = this.#spread();
    const at = this.#waiters.findIndex(({ late, home }) => late || (index - home + size) % size < spread);
    if (at < 0) return;
    const [waiter] = this.#waiters.splice(at, 1);
    waiter?.take(index);
  }
}

const isFree = (slot: pg.Pool) => slot.waitingCount === 0 && (slot.idleCount > 0 || slot.totalCount === 0);
