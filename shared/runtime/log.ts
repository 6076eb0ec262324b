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
  'deviceToken',
  'secret',
  'secretKey',
  'clientSecret',
  'webhookSecret',
  'authorization',
  'cookie',
  'credentials',
];

/** Paths pino blanks. */
const redactedPaths = [
  ...secretFields,
  ...secretFields.map((field) => `*.${field}`),
  ...secretFields.map((field) => `*.*.${field}`),
  '*.headers["set-cookie"]',
];

/**
 * Errors of pg carry the whole connection, with its settings, and errors of ioredis the command with its
 * arguments, which may be the password: the log needs what happened, not on what.
 */
function serialiseError(error: unknown): unknown {
  return blankInside(stdSerializers.err(error as Error));
}

function blankInside(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(blankInside);
  if (typeof value !== 'object' || value === null || !('stack' in value)) return value;
  const { client: _client, connection: _connection, command, ...rest } = value as Record<string, unknown>;
  // Errors have errors inside, such as those of each node of a cluster.
  const fields = Object.entries(rest).map(([name, inner]) => [name, blankInside(inner)]);
  if (command !== undefined) fields.push(['command', nameOf(command)]);
  return Object.fromEntries(fields);
}

function nameOf(command: unknown): unknown {
  return typeof command === 'object' ? (command as { name?: unknown } | null)?.name : command;
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

/**
 * The same logger for a line that is written with each request, whose fields are known and hold no secret: to look for all
 * that is blanked takes longer than the rest of a request.
 */
export const withoutBlanking = (log: Log): Log => log.child({}, { redact: [] });
