// Gives each endpoint its share of a process: one that is slow or dead waits for itself, and nobody waits for it.
import { LRUCache } from 'lru-cache';

interface Standing {
  flying: number;
  /** Failures since the last success. */
  failures: number;
  /** Not before then, in milliseconds since 1970. */
  pausedUntil: number;
  /** How long answers take lately. */
  averageMs: number;
}

export interface Turns {
  /**
   * Undefined: it may be sent now, and `end` must follow. Otherwise: why not, and for how long at least.
   * `probing`: somebody wants to know whether it answers, so that no pause counts.
   */
  begin(endpointId: string, probing?: boolean): { reason: 'busy' | 'paused'; ms: number } | undefined;
  end(endpointId: string, outcome: { ok: boolean; ms: number }): void;
}

/** Deliveries at once to one endpoint: of one that answers soon, and of one that is slow. */
const flyingMax = 10;
const flyingMaxSlow = 2;
const slowMs = 1000;
/** After so many failures in a row only one delivery at a time tries, with pauses that double in between. */
const failuresMax = 3;
const pauseMs = 5000;
const pauseMsMax = 300_000;
/** A delivery that meets a busy endpoint comes back soon. */
const busyMs = 500;

export function createTurns(now: () => number = Date.now): Turns {
  const standings = new LRUCache<string, Standing>({ max: 10_000 });
  const of = (endpointId: string): Standing => {
    let standing = standings.get(endpointId);
    if (!standing) {
      standing = { flying: 0, failures: 0, pausedUntil: 0, averageMs: 0 };
      standings.set(endpointId, standing);
    }
    return standing;
  };
  return {
    begin(endpointId, probing = false) {
      const standing = of(endpointId);
      const { flying, failures, pausedUntil, averageMs } = standing;
      const failing = failures >= failuresMax;
      if (failing && !probing && pausedUntil > now()) return { reason: 'paused', ms: pausedUntil - now() };
      const most = failing ? 1 : averageMs > slowMs ? flyingMaxSlow : flyingMax;
      if (flying >= most) return { reason: failing ? 'paused' : 'busy', ms: busyMs };
      standing.flying += 1;
      return undefined;
    },
    end(endpointId, { ok, ms }) {
      const standing = of(endpointId);
      standing.flying = Math.max(0, standing.flying - 1);
      standing.averageMs = standing.averageMs * 0.8 + ms * 0.2;
      standing.failures = ok ? 0 : standing.failures + 1;
      const doublings = Math.min(standing.failures - failuresMax, 10);
      standing.pausedUntil = doublings < 0 ? 0 : now() + Math.min(pauseMs * 2 ** doublings, pauseMsMax);
    },
  };
}
