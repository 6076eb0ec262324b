// Finds one tenant's secrets, tokens and ids in what was sent in the name of another.
import type { RecordedRequest } from '#tests/emulators/kit/emulator.ts';

/** What belongs to one tenant alone, and must never be in a request of the other. */
export interface TenantMarks {
  name: string;
  /** Long texts; looked for anywhere, also escaped, in Base64 and as a part of something longer. */
  secrets: string[];
  /** Ids of objects; looked for as whole words. */
  ids: Set<string>;
}

export interface MarkedRequest {
  request: RecordedRequest;
  /** Names of the tenants whose marks are in it. */
  owners: string[];
}

/** One request as one text: address, headers and body, as sent and unescaped. */
function textOf({ method, path, query, headers, body }: RecordedRequest): string {
  const sent = `${method} ${path}?${query}\n${JSON.stringify(headers)}\n${body}`;
  return `${sent}\n${plain(sent)}`;
}

function plain(text: string): string {
  return text.replaceAll('+', ' ').replace(/%[0-9a-f]{2}/gi, (code) => {
    const sign = Number.parseInt(code.slice(1), 16);
    return sign < 128 ? String.fromCharCode(sign) : code;
  });
}

/** Basic authorization is how PayPal's secrets travel: what is Base64 is read too. */
function decoded(text: string): string {
  return [...text.matchAll(/Basic ([A-Za-z0-9+/=]+)/g)]
    .map(([, code = '']) => Buffer.from(code, 'base64').toString('utf8'))
    .join('\n');
}

/** Who can be read out of each request. */
export function markRequests(requests: RecordedRequest[], tenants: TenantMarks[]): MarkedRequest[] {
  return requests.map((request) => {
    const sent = textOf(request);
    const text = `${sent}\n${decoded(sent)}`;
    const words = new Set(text.match(/[A-Za-z0-9_-]{6,}/g));
    const owners = tenants.filter(
      ({ secrets, ids }) => secrets.some((secret) => text.includes(secret)) || !words.isDisjointFrom(ids),
    );
    return { request, owners: owners.map(({ name }) => name) };
  });
}

/** Every access token that was used, and in whose requests. */
export function tokenOwners(marked: MarkedRequest[]): Map<string, Set<string>> {
  const tokens = new Map<string, Set<string>>();
  for (const { request, owners } of marked) {
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) continue;
    const known = tokens.get(token) ?? new Set();
    for (const owner of owners) known.add(owner);
    tokens.set(token, known);
  }
  return tokens;
}

/** Short, for a failed test's message; without headers. */
export function describeMarked({ request, owners }: MarkedRequest): string {
  return `${request.method} ${request.path} names ${owners.join(' and ') || 'nobody'}`;
}
