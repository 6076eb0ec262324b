// Carries calls to PayPal by the deprecated package's HTTP client, and mends what that client lets happen.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
// @ts-expect-error: this inner file of the package has no types; its one function is described below.
import packageClient from 'paypal-rest-sdk/lib/client.js';
import {
  answerBytesMax,
  targetOf,
  tooLate,
  tooLong,
  type Wire,
  type WireAnswer,
  WireFailed,
} from './wire.ts';

/**
 * The only part of the package that is used. `data` is sent as it is when it is a string; the options
 * are copied. Its callback comes when an answer has ended, whatever its status; the answer that it
 * passes is parsed, with numbers changed, so we keep the text ourselves.
 */
interface PackageClient {
  invoke(
    method: string,
    path: string,
    data: string,
    options: { schema: string; host: string; port: string; headers: Record<string, string> },
    callback: () => void,
  ): void;
}
const { invoke } = packageClient as PackageClient;

/** Node tells of each request within the call that makes it, which is how we get hold of the package's. */
const requestCreated = 'http.client.request.created';

export const sdkWire: Wire = (wireRequest) =>
  new Promise<WireAnswer>((resolve, reject) => {
    const url = targetOf(wireRequest);
    const { method, headers, body = '', deadlineMs } = wireRequest;
    const options = {
      schema: url.protocol.slice(0, -1),
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port,
      headers,
    };
    let answer: WireAnswer | undefined;
    let settled = false;
    const settle = (outcome: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(deadline);
      outcome();
    };
    const fail = (error: WireFailed) =>
      settle(() => {
        reject(error);
        request.destroy();
      });
    const finish = () =>
      answer ? settle(() => resolve(answer as WireAnswer)) : fail(new WireFailed('it hung up'));
    const request = captureRequest(() => invoke(method, url.pathname + url.search, body, options, finish));
    const deadline = setTimeout(() => fail(tooLate(deadlineMs)), deadlineMs);
    // The package's own listener prints to standard output; errors come later than this line.
    request.removeAllListeners('error');
    request.on('error', (cause) => fail(new WireFailed('it could not be reached, or it hung up', { cause })));
    request.on('close', () => fail(new WireFailed('it hung up')));
    request.on('response', (response) => {
      answer = { status: response.statusCode ?? 0, headers: headersOf(response), text: '' };
      collect(response, answer, fail);
    });
  });

/** @throws what `invoke` throws; Error when it made no request. */
function captureRequest(run: () => void): ClientRequest {
  let captured: ClientRequest | undefined;
  const listener = (message: unknown) => {
    captured ??= (message as { request: ClientRequest }).request;
  };
  subscribe(requestCreated, listener);
  try {
    run();
  } finally {
    unsubscribe(requestCreated, listener);
  }
  if (!captured) throw new Error('the PayPal package made no request that could be seen');
  return captured;
}

/** The package waits for the end of an answer only: one that is cut off has none. */
function collect(response: IncomingMessage, answer: WireAnswer, fail: (error: WireFailed) => void): void {
  let bytes = 0;
  // The package has set an encoding already, so that the parts are whole signs.
  response.on('data', (part: string) => {
    bytes += Buffer.byteLength(part);
    if (bytes > answerBytesMax) return fail(tooLong());
    answer.text += part;
  });
  response.on('error', (cause) => fail(new WireFailed('its answer broke off', { cause })));
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const pairs = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return Object.fromEntries(pairs);
}
