// Delivers an emulator's events over real HTTP, and lets a test hold, reorder and repeat them.
import { setTimeout as pass } from 'node:timers/promises';

/** A provider tries for days; here a few times at once, so that a test sees both the failure and the retry. */
const retryDelaysMs = [25, 100, 300, 600];
const deliveryMsMax = 10_000;

export interface EmulatedEvent {
  id: string;
  type: string;
  createdAt: Date;
  /** Which account's keys sign it: whatever its emulator knows the account by. */
  account: string;
  url: string;
  /** The exact bytes that are signed and sent. */
  body: string;
}

export interface WebhookOutbox {
  /** While true, events pile up in `pending` and wait for `release`. */
  held: boolean;
  /** Not delivered yet. */
  pending: EmulatedEvent[];
  /**
   * Delivers what was held, one after the other, in the order given back, which may repeat events, or leave
   * some out: those stay pending.
   */
  release(order?: (events: EmulatedEvent[]) => EmulatedEvent[]): Promise<void>;
  /** Every attempt; status 0 when nothing answered. */
  sent: { event: EmulatedEvent; status: number }[];
  /** An old event once more, freshly signed. Gives the status; throws for an id never emitted. */
  resend(eventId: string): Promise<number>;
  /** All deliveries under way have ended, by a 2xx or by giving up. What is held stays held. */
  settled(): Promise<void>;
}

export interface WebhookSource extends WebhookOutbox {
  /** A new event: delivered at once unless held. */
  push(event: EmulatedEvent): void;
  /** Gives up whatever is under way. */
  close(): void;
}

export interface WebhookOutboxOptions {
  /** Headers for one attempt, signature and content-type included. Called anew for each attempt. */
  headersOf(event: EmulatedEvent): Record<string, string>;
}

/** An outbox without events. */
export function createWebhookOutbox(options: WebhookOutboxOptions): WebhookSource {
  const emitted = new Map<string, EmulatedEvent>();
  const underWay = new Set<Promise<unknown>>();
  const closing = new AbortController();
  const pending: EmulatedEvent[] = [];
  const sent: WebhookOutbox['sent'] = [];

  const attempt = async (event: EmulatedEvent): Promise<number> => {
    const status = await post(event, options.headersOf(event), closing.signal);
    if (!closing.signal.aborted) sent.push({ event, status });
    return status;
  };
  const deliver = async (event: EmulatedEvent): Promise<void> => {
    for (const waitMs of [...retryDelaysMs, undefined]) {
      const status = await attempt(event);
      if ((status >= 200 && status < 300) || waitMs === undefined || closing.signal.aborted) break;
      await pass(waitMs, undefined, { ref: false });
    }
    const at = pending.indexOf(event);
    if (at >= 0) pending.splice(at, 1);
  };
  const track = <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work);
    return work.finally(() => underWay.delete(work));
  };

  const outbox: WebhookSource = {
    held: false,
    pending,
    sent,
    push(event) {
      emitted.set(event.id, event);
      pending.push(event);
      if (!outbox.held) void track(deliver(event));
    },
    async release(order = (events) => events) {
      const events = order([...pending]);
      await track(
        (async () => {
          for (const event of events) await deliver(event);
        })(),
      );
    },
    async resend(eventId) {
      const event = emitted.get(eventId);
      if (event === undefined) throw new Error(`no event ${eventId} was emitted`);
      return track(attempt(event));
    },
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    close: () => closing.abort(),
  };
  return outbox;
}

async function post(event: EmulatedEvent, headers: Record<string, string>, closing: AbortSignal) {
  try {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(deliveryMsMax)]);
    // Providers do not follow redirects: to them one is a failure.
    const answer = await fetch(event.url, {
      method: 'POST',
      headers,
      body: event.body,
      signal,
      redirect: 'manual',
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}
