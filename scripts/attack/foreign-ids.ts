// Line 43: walks the OpenAPI document, and sends every id that a route takes as the id of somebody else's object.
import { randomUUID } from 'node:crypto';
import type { ObjectKind, Party, Reply, Send } from './foreign-party.ts';

/** The parts of the document (OpenAPI 3.1) that are read here. */
interface Operation {
  parameters?: { name: string; in: string; schema?: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
  security?: Record<string, unknown>[];
}
interface Schema {
  $ref?: string;
  format?: string;
  properties?: Record<string, Schema>;
}
export interface ApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** One id that one route takes. `key` says what it names, whatever the route. */
export interface Place {
  method: string;
  path: string;
  in: 'path' | 'query' | 'body';
  name: string;
  key: string;
}

/**
 * What each id names; of a path, the segment before it says so. A route that is added later and takes an id
 * which is not here is reported as unknown, and fails whoever walks.
 */
const recipes: Record<string, ObjectKind> = {
  'path users/{id}': 'user',
  'path sessions/{id}': 'session',
  'path operations/{id}': 'operation',
  'path holds/{id}': 'hold',
  'path entitlements/{id}': 'entitlement',
  'path lots/{id}': 'lot',
  'path batches/{id}': 'batch',
  'path schedules/{id}': 'schedule',
  'path payouts/{id}': 'payout',
  'path payment-methods/{id}': 'paymentMethod',
  'path held-operations/{operationId}': 'operation',
  'path wallets/{walletId}': 'wallet',
  'path freezes/{cause}': 'freeze',
  'path keys/{id}': 'key',
  'path purchases/{id}': 'purchase',
  'path {tenant}/{purchaseId}': 'purchase',
  'path provider-events/{id}': 'providerEvent',
  'path reconciliations/{id}': 'reconciliation',
  'path reconciliations/{id}.csv': 'reconciliation',
  'path passkeys/{id}': 'passkey',
  'path signing-keys/{kid}': 'signingKey',
  'path webhook-endpoints/{id}': 'webhookEndpoint',
  'path deliveries/{deliveryId}': 'webhookDelivery',
  'query userId': 'user',
  'query walletId': 'wallet',
  'body userId': 'user',
  'body operationId': 'operation',
  'body toUserId': 'user',
  'body method': 'paymentMethod',
  'query batch': 'payoutBatch',
};

/** What is meant for others of the same tenant: to send coins to one is no intrusion. */
const openToNeighbours = new Set(['body toUserId']);

/** Parameters that name no object of a tenant's: the tenant itself, a provider, or an address nobody can guess. */
const notObjects = new Set([
  ...['path tenants/{slug}', 'path sandbox/{tenant}', 'path {provider}/{tenant}', 'path return/{tenant}'],
  ...['path webhooks/{provider}', 'path oauth/{provider}', 'path identities/{provider}'],
  ...['path checkout/{ref}', 'query cursor', 'query after'],
]);

/** What beside the id makes a body valid; input is looked at before objects are. */
const bodies: Record<string, object> = {
  'POST /wallet/spend': { amount: 1 },
  'POST /wallet/payouts': { amount: 20 },
  'PUT /wallet/payout-destination': { destination: 'somebody else' },
  'POST /payouts/{id}/failed': { reason: 'somebody else' },
  'POST /wallet/grant': { amount: 1 },
  'POST /wallet/transfer': { amount: 1 },
  'POST /wallet/holds': { amount: 1 },
  'POST /wallet/holds/{id}/capture': {},
  'POST /wallet/holds/{id}/release': {},
  'POST /wallet/exchange': { amount: 1, to: 'COIN' },
  'POST /wallet/entitlements/{id}/consume': {},
  'POST /schedules': { kind: 'grant', amount: 1 },
  'POST /subscriptions': { coins: 1 },
  'PUT /wallet/top-up': { below: 1, coins: 1, method: randomUUID() },
  'POST /wallet/buy': { coins: 100, provider: 'sandbox' },
  'POST /operator/tenants/{slug}/wallets/{walletId}/freezes': { note: 'somebody else' },
  'POST /operator/tenants/{slug}/purchases/{id}/review': { decision: 'refund' },
  'PATCH /operator/tenants/{slug}/webhook-endpoints/{id}': { description: 'somebody else' },
  'PATCH /webhook-endpoints/{id}': { description: 'somebody else' },
  'POST /operator/tenants/{slug}/webhook-endpoints/{id}/replay': { since: '2026-01-01T00:00:00Z' },
  'POST /webhook-endpoints/{id}/replay': { since: '2026-01-01T00:00:00Z' },
  'POST /operator/tenants/{slug}/held-operations/{operationId}/decision': { decision: 'refuse' },
};

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

function membersOf(document: ApiDocument, schema: Schema | undefined): Record<string, Schema> {
  const name = schema?.$ref?.split('/').at(-1);
  const resolved = name === undefined ? schema : document.components?.schemas?.[name];
  return resolved?.properties ?? {};
}

/** Every id that the API takes, in the document's order. */
export function listPlaces(document: ApiDocument): Place[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    methods.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const place = (where: Place['in'], name: string, key: string): Place => {
        return { method: method.toUpperCase(), path, in: where, name, key: `${where} ${key}` };
      };
      const segments = path.split('/');
      const inPath = segments.flatMap((segment, at) => {
        const name = /^\{(\w+)\}/.exec(segment)?.[1];
        return name === undefined ? [] : [place('path', name, `${segments[at - 1]}/${segment}`)];
      });
      const inQuery = (operation.parameters ?? [])
        .filter((each) => each.in === 'query' && each.schema?.format === 'uuid')
        .map(({ name }) => place('query', name, name));
      const content = operation.requestBody?.content?.['application/json'];
      const inBody = Object.entries(membersOf(document, content?.schema))
        .filter(([, schema]) => schema.format === 'uuid')
        .map(([name]) => place('body', name, name));
      return [...inPath, ...inQuery, ...inBody];
    }),
  );
}

/** Places of which nobody has said yet what they name. */
export function listUnknownPlaces(document: ApiDocument): Place[] {
  return listPlaces(document).filter(({ key }) => recipes[key] === undefined && !notObjects.has(key));
}

export interface Step {
  place: Place;
  caller: string;
  /** Whose object it was. */
  whose: string;
  status: number;
  code: string;
  /** The object stayed hidden. */
  ok: boolean;
}

export interface Walk {
  mine: Party;
  /** Their objects are not mine: of another tenant, or of another user of mine. */
  strangers: { whose: string; isNeighbour: boolean; objects: Partial<Party['objects']> }[];
  operatorToken: string;
}

/** Sends each id of each route as a stranger's, by every caller that the route is for. All else is right. */
export async function walkForeignIds(send: Send, document: ApiDocument, walk: Walk): Promise<Step[]> {
  const steps: Step[] = [];
  for (const place of listPlaces(document)) {
    const kind = recipes[place.key];
    if (kind === undefined) continue;
    const { security = [{}] } = document.paths[place.path]?.[place.method.toLowerCase()] ?? {};
    for (const caller of new Set(security.map((each) => Object.keys(each)[0] ?? 'nobody'))) {
      for (const { whose, isNeighbour, objects } of walk.strangers) {
        const foreign = objects[kind];
        // To the operator and to a platform a neighbour is one of their own.
        const isTheirs = isNeighbour && (caller !== 'user' || openToNeighbours.has(place.key));
        if (foreign === undefined || isTheirs) continue;
        const { status, body } = await tryPlace(send, walk, place, caller, foreign);
        steps.push({
          place,
          caller,
          whose,
          status,
          code: body?.code ?? '',
          ok: isHidden(place, caller, { status, body }),
        });
      }
    }
  }
  return steps;
}

/**
 * A user who names somebody else as oneself is told so, whether that somebody exists or not (contract, 403). A
 * list that is narrowed to a stranger's things is empty.
 */
function isHidden(place: Place, caller: string, { status, body }: Reply): boolean {
  if (place.name === 'userId' && place.in !== 'path' && caller === 'user') return status === 403;
  const isEmpty = place.in === 'query' && status === 200 && body?.data?.length === 0;
  return status === 404 || isEmpty;
}

function tryPlace(send: Send, walk: Walk, place: Place, caller: string, foreign: string) {
  const { mine, operatorToken } = walk;
  const { method } = place;
  const value = (name: string, key: string): string => {
    if (place.in === 'path' && name === place.name) return foreign;
    if (name === 'slug' || name === 'tenant') return mine.slug;
    const kind = recipes[key];
    return kind === undefined ? 'sandbox' : mine.objects[kind];
  };
  const segments = place.path.split('/');
  const path = segments
    .map((segment, at) =>
      segment.replace(/^\{(\w+)\}/, (_, name: string) =>
        encodeURIComponent(value(name, `path ${segments[at - 1]}/${segment}`)),
      ),
    )
    .join('/');
  const query = place.in === 'query' ? `?${place.name}=${encodeURIComponent(foreign)}` : '';
  const bearer = { user: mine.token, platform: mine.secretKey, operator: operatorToken }[caller];
  return send(method, `${path}${query}`, {
    ...(bearer === undefined ? {} : { as: bearer }),
    ...(method === 'POST' ? { key: randomUUID() } : {}),
    ...bodyFor(place, caller, mine, foreign),
  });
}

function bodyFor({ method, path, in: where, name }: Place, caller: string, mine: Party, foreign: string) {
  const base = bodies[`${method} ${path}`];
  if (where !== 'body') return base === undefined ? {} : { body: base };
  const { user, operation } = mine.objects;
  // A receiver stands beside whoever it is that sends.
  if (path === '/wallet/transfer' && name === 'userId') {
    return { body: { ...base, toUserId: user, userId: foreign } };
  }
  if (path === '/wallet/refund') return { body: { operationId: operation, [name]: foreign } };
  // A platform names its user beside whatever else is foreign.
  return { body: { ...base, ...(caller === 'platform' ? { userId: user } : {}), [name]: foreign } };
}
