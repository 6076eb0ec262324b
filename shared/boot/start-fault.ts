// Says in plain words why a process could not start, where it is the machine or a setting and no fault of ours.
import { ConfigError } from '../config/env.ts';

/** What a person can do something about; undefined for anything else, which needs its stack. */
export function describeStartFault(error: unknown): string | undefined {
  if (error instanceof ConfigError) return error.message;
  // A name with two addresses fails at each of them.
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  if (!(inner instanceof Error)) return undefined;
  const { code, syscall, address, port, path, hostname, message } = inner as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
    hostname?: string;
  };
  const place = `${address ?? ''}:${port ?? ''}`;
  if (syscall === 'listen' && code === 'EADDRINUSE') {
    return `${place} is taken. Stop what listens there, or set PORT (of workers, METRICS_PORT) to another one.`;
  }
  if (syscall === 'listen')
    return `Nobody may listen at ${place} (${code}). Set HOST and PORT to where one may.`;
  if (syscall === 'getaddrinfo') return `The name "${hostname}" has no address. See HOST and DATABASE_URL.`;
  if (syscall === 'connect') return `No Postgres answers at ${place} (${code}). See DATABASE_URL.`;
  // The server's own words (PostgreSQL manual, appendix A): no such login, not with this password, no such database.
  if (code === '28P01' || code === '28000' || code === '3D000') {
    return `Postgres does not let us in: ${message}. See DATABASE_URL.`;
  }
  if (path !== undefined && syscall !== undefined) {
    return `${path} cannot be used (${code}, ${syscall}). See DATA_DIR.`;
  }
  return undefined;
}
