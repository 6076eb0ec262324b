// Idempotency by PayPal-Request-Id: a repeated call gives the state that the first one's object has by now.
import { createHash } from 'node:crypto';
import { type Call, describe, type Reply, refuse, refuseIssue } from './reply.ts';
import type { PaypalBehaviour } from './world.ts';

const hourMs = 3_600_000;
/** How long ids are kept (specifications of Orders v2 and Payments v2, header PayPal-Request-Id). */
const keptMs = { order: 6 * hourMs, capture: 6 * hourMs, refund: 45 * 24 * hourMs };

type Operation = keyof typeof keptMs;

/** What was done, and how it shows now. */
export interface Deed {
  reply: Reply;
  /** The answer to the same call, later; undefined for a refusal. */
  again: (() => Reply) | undefined;
}

interface Entry {
  fingerprint: string;
  endsAt: number;
  work: Promise<Deed>;
  running: boolean;
}

export interface RequestIds {
  /** Does `deed` once for a request id, or each time where none was sent. */
  once(call: Call, operation: Operation, deed: () => Deed): Promise<Reply>;
  forget(): void;
}

export function createRequestIds(behaviour: PaypalBehaviour): RequestIds {
  const entries = new Map<string, Entry>();

  const begin = (call: Call, key: string, operation: Operation, fingerprint: string, deed: () => Deed) => {
    const work = call.request.pause().then(deed);
    const entry: Entry = { fingerprint, endsAt: Date.now() + keptMs[operation], work, running: true };
    entries.set(key, entry);
    const finished = work.then((done) => {
      entry.running = false;
      // Unless told otherwise a refused call may be tried anew, for instance after the payer approved.
      if (done.again === undefined && !behaviour.keepRefusals) entries.delete(key);
    });
    return finished.then(() => work);
  };

  return {
    async once(call, operation, deed) {
      const id = call.request.headers['paypal-request-id'];
      if (typeof id !== 'string' || id === '') {
        await call.request.pause();
        return deed().reply;
      }
      const key = JSON.stringify([call.account.clientId, operation, id]);
      const fingerprint = createHash('sha256')
        .update(`${call.request.path}\n${canonical(call.json)}`)
        .digest('hex');
      const known = entries.get(key);
      if (known === undefined || known.endsAt <= Date.now()) {
        return (await begin(call, key, operation, fingerprint, deed)).reply;
      }
      // PayPal documents this error for another of its APIs, and none for these.
      if (known.fingerprint !== fingerprint) return refuseIssue('PAYPAL_REQUEST_ID_PREVIOUSLY_USED');
      if (known.running && behaviour.failSimultaneous) {
        return refuse('RESOURCE_CONFLICT', [describe('PREVIOUS_REQUEST_IN_PROGRESS')]);
      }
      const done = await known.work;
      return done.again?.() ?? done.reply;
    },
    forget: () => entries.clear(),
  };
}

/** The same text for the same content, whatever the order of its fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
