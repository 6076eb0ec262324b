// Tells a world that is down (try again) from a statement that is wrong (never works), by SQLSTATE.

/** The class of a failure: only `unavailable` and `contention` make sense to try again. */
export type Fault = 'unavailable' | 'contention' | 'statement';

const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EHOSTUNREACH',
]);

const connectionTexts = [
  'Connection terminated',
  'connection error',
  'not queryable',
  'timeout exceeded when trying to connect',
  'Client was closed',
  'Query read timeout',
  'Cannot use a pool after calling end',
];

/** The SQLSTATE (PostgreSQL manual, appendix A) or system error code of an error, if it has one. */
export function faultCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

export function classifyFault(error: unknown): Fault {
  const code = faultCode(error);
  if (code !== undefined) {
    if (connectionCodes.has(code)) return 'unavailable';
    // 08 connection, 53 resources, 57 operator intervention, 58 system: the server, not the statement.
    if (/^(08|53|57|58)/.test(code)) return 'unavailable';
    // 25006: a standby that has not been promoted yet.
    if (code === '25006') return 'unavailable';
    // 40 rollback (deadlock, serialization), 55P03 lock not available.
    if (code.startsWith('40') || code === '55P03') return 'contention';
    return 'statement';
  }
  const text = error instanceof Error ? error.message : '';
  return connectionTexts.some((part) => text.includes(part)) ? 'unavailable' : 'statement';
}
