// Lets requests begin in turns, so that a flood keeps neither what others wait for nor their own requests back.
import type { IncomingHttpHeaders } from 'node:http';
import { readTenant } from './identity/tokens.ts';

export interface RequestTurns {
  /** Calls `start` now or, where many requests come at once, when it is the turn of its line. */
  begin(headers: IncomingHttpHeaders, start: () => void): void;
}

/** Requests that begin before the event loop looks what else is ready: answers of Postgres and Redis, that others wait for. */
const beginsMax = 8;

/** A moment's first requests begin at once; the others in turns between lines, a few in each round of the event loop. */
export function createRequestTurns(): RequestTurns {
  /** The line whose turn it is comes first. */
  const lines = new Map<string, (() => void)[]>();
  let begun = 0;
  let scheduled = false;

  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(round);
  };
  const round = () => {
    scheduled = false;
    begun = 0;
    for (const [line, waiting] of lines) {
      if (begun >= beginsMax) break;
      lines.delete(line);
      const start = waiting.shift();
      if (waiting.length > 0) lines.set(line, waiting);
      begun += 1;
      start?.();
    }
    if (begun > 0) schedule();
  };

  return {
    begin(headers, start) {
      schedule();
      if (begun < beginsMax && lines.size === 0) {
        begun += 1;
        start();
        return;
      }
      const line = lineOf(headers);
      const waiting = lines.get(line);
      if (waiting) waiting.push(start);
      else lines.set(line, [start]);
    },
  };
}

/**
 * The line of a request: its tenant, as its token names it, else its key. Not checked yet: whoever lies waits in another
 * line, and is refused at its end.
 */
function lineOf({ authorization, 'x-tenant': named }: IncomingHttpHeaders): string {
  const credential = authorization?.split(' ').at(-1);
  if (credential === undefined) return String(named ?? '');
  return credential.startsWith('sk_') ? credential : (readTenant(credential) ?? '');
}
