// Carries calls to PayPal by Node's own fetch: the driver that remains when the deprecated package goes.
import { answerBytesMax, targetOf, tooLate, tooLong, type Wire, WireFailed } from './wire.ts';

export const fetchWire: Wire = async (request) => {
  const url = targetOf(request);
  const { method, headers, body, deadlineMs } = request;
  const signal = AbortSignal.timeout(deadlineMs);
  try {
    // A redirect would carry the bearer to another place.
    const response = await fetch(url, { method, headers, body, redirect: 'manual', signal });
    const text = await readBounded(response);
    return { status: response.status, headers: Object.fromEntries(response.headers), text };
  } catch (error) {
    if (error instanceof WireFailed) throw error;
    if (signal.aborted) throw tooLate(deadlineMs);
    throw new WireFailed('it could not be reached, or its answer broke off', { cause: error });
  }
};

async function readBounded({ body }: Response): Promise<string> {
  if (body === null) return '';
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.byteLength;
    if (bytes > answerBytesMax) throw tooLong();
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
