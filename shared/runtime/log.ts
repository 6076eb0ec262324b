// Structured logs, with everything that could be a secret blanked before it is written.
import { type Logger, pino } from 'pino';

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

/** A JSON logger to standard output. `level` is a pino level name. */
export function createLog(level: string, name: string, stream?: { write(line: string): void }): Log {
  const options = {
    level,
    base: { name, pid: process.pid },
    redact: { paths: redactedPaths, censor: '[redacted]' },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return stream ? pino(options, stream) : pino(options);
}
