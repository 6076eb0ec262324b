// Keeps one tenant's hung or failing provider from holding up the work of all others: few calls at once, and rests.
import { LRUCache } from 'lru-cache';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type Circuit, type CircuitState, createCircuit } from './circuit.ts';
import type { PaymentProvider } from './provider.ts';
import { ProviderUnavailable } from './unavailable.ts';

/** Calls of one tenant to one provider at the same moment; the queues run eight jobs at once. */
const callsMax = 2;
/** Calls beyond those wait this long, and no more than so many. */
const waitMsMax = 1000;
const waitersMax = 20;
/** Only tenants whose calls run or fail take memory. */
const tenantsMax = 10_000;

export interface Clock {
  /** Milliseconds that never run backwards. */
  now(): number;
  /** Calls back after `ms`; what it returns takes that back. */
  after(ms: number, callback: () => void): () => void;
}

const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export interface BulkheadOptions {
  clock?: Clock;
  /** From 0 to 1. */
  random?: () => number;
  /** At each change of a tenant's circuit, with the last failure where there is one. Must not throw. */
  onState?(provider: string, tenant: string, state: CircuitState, cause?: ProviderUnavailable): void;
  /** A call was not made: too many are under way, or the circuit is not closed. Must not throw. */
  onTurnedAway?(provider: string, tenant: string, why: 'busy' | 'resting'): void;
}

/**
 * The same provider, asked with care for each tenant apart. Calls throw ProviderUnavailable, without being
 * made, when too many are under way or when the last ones failed. Only ProviderUnavailable is a failure.
 */
export function protect(provider: PaymentProvider, options: BulkheadOptions = {}): PaymentProvider {
  const guard = createGuard(provider.name, options);
  const { capture, verify, chargeStored, detachMethod, payOut, lookPayout, readPayoutHint } = provider;
  return {
    name: provider.name,
    isConfigured: (tenant) => provider.isConfigured(tenant),
    readHint: (body) => provider.readHint(body),
    createCheckout: (tenant, request) => guard(tenant, () => provider.createCheckout(tenant, request)),
    look: (tenant, hint) => guard(tenant, () => provider.look(tenant, hint)),
    refund: (tenant, request) => guard(tenant, () => provider.refund(tenant, request)),
    ...(capture && {
      capture: (tenant, request) => guard(tenant, () => capture.call(provider, tenant, request)),
    }),
    ...(chargeStored && {
      chargeStored: (tenant, request) => guard(tenant, () => chargeStored.call(provider, tenant, request)),
    }),
    ...(detachMethod && {
      detachMethod: (tenant, ref) => guard(tenant, () => detachMethod.call(provider, tenant, ref)),
    }),
    ...(readPayoutHint && { readPayoutHint: (body) => readPayoutHint.call(provider, body) }),
    ...(payOut && {
      payOut: (tenant, request) => guard(tenant, () => payOut.call(provider, tenant, request)),
    }),
    ...(lookPayout && {
      lookPayout: (tenant, id) => guard(tenant, () => lookPayout.call(provider, tenant, id)),
    }),
    ...(verify && { verify: (tenant, event) => guard(tenant, () => verify.call(provider, tenant, event)) }),
    async *listChanges(tenant, range) {
      const changes = provider.listChanges(tenant, range)[Symbol.asyncIterator]();
      try {
        // Each step is a call of its own: who reads the list looks at payments in between. Only the first
        // must have asked the provider; later ones may come from a page that is here already.
        for (let proves = true; ; proves = false) {
          const step = await guard(tenant, () => changes.next(), proves);
          if (step.done) return;
          yield step.value;
        }
      } finally {
        await changes.return?.();
      }
    },
  };
}

type Guard = <T>(tenant: Tenant, work: () => Promise<T>, proves?: boolean) => Promise<T>;

/** One tenant's way to the provider. */
interface Lane {
  slots: Slots;
  circuit: Circuit;
}

function createGuard(provider: string, options: BulkheadOptions): Guard {
  const { clock = systemClock, random = Math.random } = options;
  const lanes = new LRUCache<string, Lane>({
    max: tenantsMax,
    // What is forgotten is closed: whoever counts open circuits hears of it.
    dispose: ({ circuit }, tenant, reason) => {
      if (reason === 'evict' && circuit.state !== 'closed') options.onState?.(provider, tenant, 'closed');
    },
  });

  const createLane = (tenant: string): Lane => ({
    slots: createSlots(clock, () => {
      options.onTurnedAway?.(provider, tenant, 'busy');
      return new ProviderUnavailable(provider, `busy with ${callsMax} calls of this tenant`);
    }),
    circuit: createCircuit({
      now: () => clock.now(),
      random,
      onState: (state, cause) => options.onState?.(provider, tenant, state, cause),
    }),
  });

  const refuseResting = (tenant: string, { isResting, cause }: Circuit) => {
    if (!isResting()) return;
    options.onTurnedAway?.(provider, tenant, 'resting');
    throw new ProviderUnavailable(provider, `not asked for a while, since: ${cause?.message}`, { cause });
  };

  return async ({ slug }, work, proves = true) => {
    const lane = lanes.get(slug) ?? createLane(slug);
    refuseResting(slug, lane.circuit);
    lanes.set(slug, lane);
    await lane.slots.take();
    try {
      // It may have changed while this call waited.
      refuseResting(slug, lane.circuit);
      return await lane.circuit.run(work, proves);
    } finally {
      lane.slots.leave();
      const isIdle = lane.slots.isFree() && lane.circuit.isSpotless();
      // One that was evicted and made anew is another one, which stays.
      if (isIdle && lanes.peek(slug) === lane) lanes.delete(slug);
    }
  };
}

interface Slots {
  /** @throws the error of `busy` when none gets free in time, or too many wait already. */
  take(): Promise<void>;
  leave(): void;
  isFree(): boolean;
}

function createSlots(clock: Clock, busy: () => Error): Slots {
  let running = 0;
  /** First come, first served. */
  const waiting: (() => void)[] = [];
  return {
    async take() {
      if (running < callsMax) {
        running += 1;
        return;
      }
      if (waiting.length >= waitersMax) throw busy();
      await new Promise<void>((resolve, reject) => {
        const cancel = clock.after(waitMsMax, () => {
          waiting.splice(waiting.indexOf(start), 1);
          reject(busy());
        });
        const start = () => {
          cancel();
          resolve();
        };
        waiting.push(start);
      });
    },
    leave() {
      // A slot that is handed on stays taken.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    },
    isFree: () => running === 0,
  };
}
