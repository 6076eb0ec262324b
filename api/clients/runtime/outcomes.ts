// What the TypeScript client knows of outcomes: waiting for that of an operation, and webhooks that tell of one.
import { CoinlaneError, type SettledOptions, sleep } from './wire.ts';

const askMsFirst = 150;
const askMsMax = 2000;
const settledUsualMs = 60_000;
const toleranceUsualSeconds = 300;

interface Standing {
  id: string;
  status: string;
  reason: string | null;
}

/** Asks for an operation until it has an outcome; the pauses grow. @throws CoinlaneError where it was not applied */
export async function settle<T extends Standing>(
  ask: () => Promise<T>,
  statuses: Record<string, number>,
  options: SettledOptions = {},
): Promise<T> {
  const end = Date.now() + (options.withinMs ?? settledUsualMs);
  for (let pause = askMsFirst; ; pause = Math.min(pause * 1.5, askMsMax)) {
    const operation = await ask();
    const { id, status, reason } = operation;
    if (status === 'applied') return operation;
    if (status === 'rejected' || status === 'failed' || status === 'expired') {
      const code = status === 'rejected' ? (reason ?? 'internal_error') : 'payment_state';
      const detail = `Operation ${id} was ${status === 'rejected' ? `rejected: ${code}` : status}.`;
      throw new CoinlaneError({ code, status: statuses[code] ?? 409, detail });
    }
    if (Date.now() + pause > end) {
      throw new CoinlaneError({ code: 'timeout', detail: `Operation ${id} is still ${status}.` });
    }
    await sleep(pause, options.signal);
  }
}

export interface WebhookEvent {
  type: string;
  timestamp: string;
  tenant: string;
  data: Record<string, unknown>;
}

type HeaderBag = Headers | Record<string, string | string[] | undefined>;

function headerOf(headers: HeaderBag, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return (Array.isArray(found) ? found[0] : found) ?? '';
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/**
 * The event of a webhook (Standard Webhooks), once one of the secrets vouches for it: give the old and the new one
 * while you rotate. `body` is what came, not parsed and written again.
 * @throws CoinlaneError invalid_signature
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: HeaderBag,
  secrets: string | string[],
  toleranceSeconds: number = toleranceUsualSeconds,
): Promise<WebhookEvent> {
  const refuse = (detail: string) => new CoinlaneError({ code: 'invalid_signature', detail });
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    headerOf(headers, `webhook-${name}`),
  );
  if (!id || !timestamp || !signatures) throw refuse('A header of the webhook is missing.');
  const apart = Math.abs(Date.now() / 1000 - (/^\d+$/.test(timestamp) ? Number(timestamp) : Number.NaN));
  if (!(apart <= toleranceSeconds)) throw refuse('It was signed at another time.');
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + bytes.length);
  signed.set(head);
  signed.set(bytes, head.length);
  const given = signatures.split(' ').filter((each) => each.startsWith('v1,'));
  for (const secret of [secrets].flat()) {
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = bytesOf(secret.replace(/^whsec_/, ''));
    const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['verify']);
    for (const signature of given) {
      let claimed: Uint8Array<ArrayBuffer>;
      try {
        claimed = bytesOf(signature.slice(3));
      } catch {
        continue;
      }
      // Compares in constant time.
      if (await crypto.subtle.verify('HMAC', imported, claimed, signed))
        return JSON.parse(new TextDecoder().decode(bytes)) as WebhookEvent;
    }
  }
  throw refuse('No signature matches.');
}
