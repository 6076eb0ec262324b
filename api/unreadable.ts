// Answers what Node's parser refuses, which never becomes a request, with a problem (RFC 9457) like any other.
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Problem, type ProblemCode } from '#shared/contracts/problem.ts';
import { newId } from '#shared/runtime/ids.ts';
import { problemBody } from './errors.ts';

/** By the code of Node's error; anything else is no HTTP. */
const codes: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** A listener for `clientError` of a server. The connection ends: where the next request begins nobody knows. */
export function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  // As Node's own listener: in the midst of another answer there is no place for this one.
  const { _httpMessage: answering } = socket as Duplex & { _httpMessage?: ServerResponse };
  if (error.code === 'ECONNRESET' || !socket.writable || answering?.headersSent) return void socket.destroy();
  const problem = new Problem(codes[error.code ?? ''] ?? 'malformed_request');
  const body = problemBody(problem, newId());
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    'Connection: close',
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
