// What can go wrong between us and a provider, planned by a test and met by the requests that match.

export type FaultKind =
  /** Status and body; nothing is done. */
  | 'error'
  /** Nothing is done, no answer ever. */
  | 'hang'
  /** The socket is destroyed, nothing is done. */
  | 'drop'
  | 'act_then_hang'
  | 'act_then_drop'
  /** Done, and then answered with a 500 (or `status` and `body`). */
  | 'act_then_error'
  /** Done; the head and half the body, then the socket is destroyed. */
  | 'cut'
  /** Done; the body comes one byte each `ms` (1000). */
  | 'drip'
  /** Nothing is done; the web page of a proxy, 502. */
  | 'html'
  /** `ms` go by, then all is normal. */
  | 'delay';

export interface Fault {
  /** Any when left out. */
  method?: string;
  /** Tested against the path alone. */
  path: RegExp;
  /** How many requests meet it: 1. */
  times?: number;
  kind: FaultKind;
  status?: number;
  /** A string is sent as it is, all else as JSON. */
  body?: unknown;
  ms?: number;
}

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  /** Resolves when a fault of this kind was met, also if that was before the call. */
  met(kind: FaultKind): Promise<void>;
}

export interface FaultPlan extends Faults {
  /** The first fault that fits this request, counted as met. */
  take(method: string, path: string): Fault | undefined;
}

/** An empty plan. Faults are met in the order in which they were added. */
export function createFaults(): FaultPlan {
  let planned: { fault: Fault; left: number }[] = [];
  const meetings = new Map<FaultKind, PromiseWithResolvers<void>>();
  const meetingOf = (kind: FaultKind) => {
    const meeting = meetings.get(kind) ?? Promise.withResolvers<void>();
    meetings.set(kind, meeting);
    return meeting;
  };
  return {
    add(fault) {
      planned.push({ fault, left: fault.times ?? 1 });
    },
    clear() {
      planned = [];
      meetings.clear();
    },
    met: (kind) => meetingOf(kind).promise,
    take(method, path) {
      const plan = planned.find(
        ({ fault, left }) =>
          left > 0 && (fault.method === undefined || fault.method === method) && path.search(fault.path) >= 0,
      );
      if (plan === undefined) return undefined;
      plan.left -= 1;
      meetingOf(plan.fault.kind).resolve();
      return plan.fault;
    },
  };
}
