// The HTTP side of an emulator: records each request, lets planned faults happen, and closes without waiting.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pass } from 'node:timers/promises';
import type { RecordedRequest } from './emulator.ts';
import type { Fault, FaultPlan } from './faults.ts';

const requestsKept = 10_000;

export interface EmulatorRequest {
  method: string;
  /** As sent, still escaped. */
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  /** Raw text. */
  body: string;
  /** Set by `act_then_error`: what is sent instead of the true answer, and what a provider's store keeps. */
  failure: EmulatorAnswer | undefined;
  /** To be awaited after a key is claimed and before anything is done: `delay` happens here. */
  pause(): Promise<void>;
}

export interface EmulatorAnswer {
  status: number;
  headers?: Record<string, string>;
  /** Raw text. */
  body: string;
}

export interface EmulatorServerOptions {
  /** A free one when left out. */
  port?: number;
  /** 127.0.0.1 when left out. */
  host?: string;
  faults: FaultPlan;
  answer(request: EmulatorRequest): EmulatorAnswer | Promise<EmulatorAnswer>;
  /** The provider's own error for a status, where a fault names no body. */
  errorBody?(status: number): unknown;
}

export interface EmulatorServer {
  url: string;
  requests: RecordedRequest[];
  close(): Promise<void>;
}

/** An answer whose body is JSON. */
export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): EmulatorAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** Listens on 127.0.0.1 unless told otherwise; rejects when the port is taken. */
export async function startEmulatorServer(options: EmulatorServerOptions): Promise<EmulatorServer> {
  const requests: RecordedRequest[] = [];
  const server = createServer((incoming, response) => {
    serve(options, requests, incoming, response).catch((error: unknown) => {
      // A fault of the emulator itself must be seen in the test's output, not taken for the provider's.
      console.error('emulator failed', error);
      if (!response.headersSent) response.writeHead(599);
      response.end(String(error));
    });
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host === undefined || options.host === '0.0.0.0' ? '127.0.0.1' : options.host}:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, options: EmulatorServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => resolve());
  });
}

async function serve(
  options: EmulatorServerOptions,
  requests: RecordedRequest[],
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = incoming.method ?? 'GET';
  const [path = '/', query = ''] = splitOnce(incoming.url ?? '/', '?');
  const body = await readText(incoming);
  const { headers } = incoming;
  const record: RecordedRequest = { method, path, query, headers, body, at: new Date(), answered: null };
  requests.push(record);
  if (requests.length > requestsKept) requests.shift();

  const fault = options.faults.take(method, path);
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'drop') return void incoming.socket.destroy();
  if (fault?.kind === 'error' || fault?.kind === 'html') {
    return send(response, record, failureOf(options, fault));
  }
  let pausing: Promise<void> | undefined;
  const pause = () => {
    pausing ??=
      fault?.kind === 'delay' ? pass(fault.ms ?? 1000, undefined, { ref: false }) : Promise.resolve();
    return pausing;
  };
  const failure = fault?.kind === 'act_then_error' ? failureOf(options, fault) : undefined;
  const search = new URLSearchParams(query);
  const answer = await options.answer({ method, path, query: search, headers, body, failure, pause });
  await pause();
  await sendDone(response, record, failure ?? answer, fault);
}

/** What follows once the request is done. */
async function sendDone(
  response: ServerResponse,
  record: RecordedRequest,
  answer: EmulatorAnswer,
  fault: Fault | undefined,
): Promise<void> {
  if (fault?.kind === 'act_then_hang') return;
  if (fault?.kind === 'act_then_drop') return void response.socket?.destroy();
  if (fault?.kind !== 'cut' && fault?.kind !== 'drip') return send(response, record, answer);
  const bytes = Buffer.from(answer.body);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.length });
  record.answered = answer.status;
  if (fault.kind === 'cut') {
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
    return;
  }
  for (const byte of bytes) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await pass(fault.ms ?? 1000, undefined, { ref: false });
  }
  response.end();
}

function send(response: ServerResponse, record: RecordedRequest, answer: EmulatorAnswer): void {
  record.answered = answer.status;
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
}

function failureOf(options: EmulatorServerOptions, fault: Fault): EmulatorAnswer {
  if (fault.kind === 'html') {
    const page =
      '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>';
    return { status: fault.status ?? 502, headers: { 'content-type': 'text/html' }, body: page };
  }
  const status = fault.status ?? 500;
  const body = fault.body ?? options.errorBody?.(status) ?? {};
  return typeof body === 'string'
    ? { status, headers: { 'content-type': 'text/plain' }, body }
    : jsonAnswer(status, body);
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function splitOnce(text: string, mark: string): string[] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
