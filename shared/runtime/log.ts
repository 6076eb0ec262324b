// Structured logs, with everything that could be a secret blanked before it is written.
import { type Logger, pino, stdSerializers } from 'pino';

export type Log = Logger;

const secretFields = [
  'password',
  'newPassword',
  'currentPassword',
  'token',
  'accessToken',
  'refreshToken',
  'secretKey',
  'authorization',
  'cookie',
  'credentials',
];

/** Paths pino blanks; exported for the test that reads real log lines. */
const redactedPaths = [
  ...secretFields,
  ...secretFields.map((field) => `*.${field}`),
  ...secretFields.map((field) => `*.*.${field}`),
  '*.headers["set-cookie"]',
];

/** Errors of pg carry the whole connection, with its settings; the log needs what happened, not on what. */
function serialiseError(error: unknown): unknown {
  const {
    client: _client,
    connection: _connection,
    ...rest
  } = stdSerializers.err(error as Error) as object & Record<string, unknown>;
  return rest;
}

/** A JSON logger to standard output. `level` is a pino level name. */
export function createLog(level: string, name: string, stream?: { write(line: string): void }): Log {
  const options = {
    level,
    base: { name, pid: process.pid },
    redact: { paths: redactedPaths, censor: '[redacted]' },
    serializers: { err: serialiseError },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return stream ? pino(options, stream) : pino(options);
}
