// Notices that a provider does not answer, and stops asking it for a while, longer each time it still does not.
import { ProviderNotNow, ProviderUnavailable } from './unavailable.ts';

/** After so many failures in a row it rests for `restMsMin`, then twice as long each time it fails again. */
const failuresMax = 3;
const restMsMin = 5000;
const restMsMax = 60_000;
/** Each rest is shortened by up to this part, so that many tenants do not all come back at one moment. */
const jitter = 0.2;

/** `closed`: calls go through. `open`: none does. `half-open`: one does, and decides. */
export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitOptions {
  /** Milliseconds that never run backwards. */
  now: () => number;
  /** From 0 to 1. */
  random: () => number;
  /** At each change, with the last failure where there is one. */
  onState(state: CircuitState, cause: ProviderUnavailable | undefined): void;
}

export interface Circuit {
  readonly state: CircuitState;
  /** The last failure, until it works again. */
  readonly cause: ProviderUnavailable | undefined;
  /** Nothing speaks against the provider: there is nothing to remember. */
  isSpotless(): boolean;
  /** No call may be made now. */
  isResting(): boolean;
  /**
   * Makes a call, which is allowed unless it is resting, and learns from its end. ProviderUnavailable is a
   * failure; any other throw tells nothing about the provider, nor does the end of work that `proves` nothing.
   */
  run<T>(work: () => Promise<T>, proves: boolean): Promise<T>;
}

export function createCircuit({ now, random, onState }: CircuitOptions): Circuit {
  let state: CircuitState = 'closed';
  let cause: ProviderUnavailable | undefined;
  /** In a row. */
  let failures = 0;
  /** Since it last worked. */
  let rests = 0;
  let restsUntil = 0;
  /** The call that decides, in `half-open`, is under way. */
  let probing = false;
  /** Counts changes: what began before one says nothing about what is now. */
  let epoch = 0;

  const enter = (next: CircuitState) => {
    state = next;
    epoch += 1;
    probing = false;
    onState(state, cause);
  };

  const fail = (error: ProviderUnavailable) => {
    cause = error;
    failures += 1;
    if (state === 'closed' && failures < failuresMax) return;
    const rest = Math.min(restMsMin * 2 ** rests, restMsMax);
    rests += 1;
    restsUntil = now() + rest * (1 - jitter * random());
    enter('open');
  };

  const succeed = () => {
    cause = undefined;
    failures = 0;
    rests = 0;
    if (state !== 'closed') enter('closed');
  };

  return {
    get state() {
      return state;
    },
    get cause() {
      return cause;
    },
    isSpotless: () => state === 'closed' && failures === 0,
    isResting: () => (state === 'open' ? now() < restsUntil : probing),
    async run(work, proves) {
      if (state === 'open') enter('half-open');
      probing = state === 'half-open';
      const begun = epoch;
      let learn = () => {};
      try {
        const result = await work();
        if (proves) learn = succeed;
        return result;
      } catch (error) {
        // Who says "not now" has answered.
        if (error instanceof ProviderNotNow) learn = proves ? succeed : learn;
        else if (error instanceof ProviderUnavailable) learn = () => fail(error);
        throw error;
      } finally {
        if (epoch === begun) {
          // Whoever learned nothing lets the next call decide.
          probing = false;
          learn();
        }
      }
    },
  };
}
