// The OpenAPI document, made from the routes themselves, and the pages that show it.
import type { OpenAPIHono } from '@hono/zod-openapi';
import { Problem, type ProblemCode, problemCodes, problemStatus } from '#shared/contracts/problem.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { clientRoutes } from '../clients/routes.ts';
import type { ApiEnv } from '../context.ts';
import { nameOperation } from './operation-names.ts';
import { referencePage } from './reference-page.ts';
import { createRouter } from './router.ts';
import { problemSchema } from './schemas.ts';

type Document = ReturnType<OpenAPIHono<ApiEnv>['getOpenAPI31Document']>;
type PathItem = NonNullable<Document['paths']>[string];

const introduction = `Virtual coins for any platform: accounts, purchases and microtransactions.

## Callers
A **user** sends the access token from \`POST /login\`. A **platform** sends a secret key of its tenant and may
act for any of its users. An **operator** sends the operator token. Where there is no credential yet, the
header \`X-Tenant\` names the tenant.

## Operations
Every \`POST\` below \`/wallet\` needs an \`Idempotency-Key\` and is journaled before it is answered with 202 and
the operation. The same key with the same body answers with the same operation and
\`Idempotency-Replayed: true\`. With \`Prefer: wait=10\` the answer waits until the operation is settled: 201,
or the problem that it was refused with. Amounts are whole coins; prices are in minor units of their currency.

## Limits
A refusal for trying too often is 429 \`rate_limited\` with \`Retry-After\`, \`RateLimit-Policy\` and
\`RateLimit\` (draft-ietf-httpapi-ratelimit-headers-10). A tenant may serve some addresses only: others get 403
\`address_refused\` on each of its routes.

## Clients
One file without dependencies, written from this document: [TypeScript](/clients/coinlane.ts),
[Python](/clients/coinlane.py) and [Go](/clients/coinlane.go).

## Problems
Whatever goes wrong is answered as \`application/problem+json\` (RFC 9457). \`code\` is one of:

| code | status | meaning |
| --- | --- | --- |
${problemCodes.map((code) => `| \`${code}\` | ${problemStatus(code)} | ${titleOf(code)} |`).join('\n')}
`;

const tags = [
  { name: 'Users', description: 'Accounts, sessions and profiles' },
  { name: 'Second factor', description: 'Authenticator apps, recovery codes and passkeys' },
  { name: 'Accounts', description: 'What a platform does about its users: find, ban, export, erase' },
  { name: 'Wallet', description: 'Buying, spending, refunds, balances and history' },
  { name: 'Top-up', description: 'Stored payment methods, and wallets that are filled up by themselves' },
  { name: 'Payouts', description: 'What users earned from others, and paying it out in money' },
  { name: 'Items', description: 'What coins buy, and what users own' },
  { name: 'Schedules', description: 'Operations that come by time, and the clock of a sandbox tenant' },
  { name: 'Operations', description: 'What became of a request' },
  { name: 'Webhooks', description: "Where a platform's own server is told what happens" },
  { name: 'Providers', description: 'Where payment providers report' },
  { name: 'Sandbox', description: 'Stands in for a card network where there is no account at one' },
  { name: 'Operator', description: 'Tenants, their keys and their integrity' },
  { name: 'System', description: 'For load balancers and monitoring' },
];

const bearers = {
  user: { bearerFormat: 'JWT', description: 'The access token of a user, from login; 15 minutes' },
  platform: { bearerFormat: 'sk_<tenant>_…', description: 'A secret key of the tenant, with scopes' },
  operator: { bearerFormat: 'token', description: 'The operator token of this installation' },
};

function titleOf(code: ProblemCode): string {
  return new Problem(code).title;
}

/** `documented` is the app whose routes the document shows; it is read when somebody first asks. */
export function documentationRoutes(documented: OpenAPIHono<ApiEnv>) {
  const app = createRouter();
  let text: string | undefined;
  const written = () => {
    text ??= JSON.stringify(createDocument(documented));
    return text;
  };
  app.get('/openapi.json', (c) =>
    c.body(written(), 200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' }),
  );
  app.route('/', clientRoutes(written));
  app.route('/', referencePage());
  return app;
}

function createDocument(documented: OpenAPIHono<ApiEnv>): Document {
  const registry = documented.openAPIRegistry;
  for (const [name, bearer] of Object.entries(bearers)) {
    registry.registerComponent('securitySchemes', name, { type: 'http', scheme: 'bearer', ...bearer });
  }
  registry.register('Problem', problemSchema);
  registry.registerComponent('responses', 'Problem', {
    description: 'Any other problem',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  });
  const document = documented.getOpenAPI31Document(
    {
      openapi: '3.1.0',
      info: {
        title: 'Coinlane API',
        version: packageJson.version,
        description: introduction,
        license: { name: packageJson.license },
      },
      // Relative to where the document was read: right behind any proxy.
      servers: [{ url: '/', description: 'This installation' }],
    },
    { sortComponents: 'alphabetically' },
  );
  const items = Object.values(document.paths ?? {});
  for (const item of items) completePath(item);
  nameOperations(document);
  const used = new Set(items.flatMap((item) => methods.flatMap((method) => item[method]?.tags ?? [])));
  document.tags = tags.filter((tag) => used.has(tag.name));
  return document;
}

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** So that generated code, ours and others', calls each route by a name that reads well. */
function nameOperations(document: Document): void {
  const paths = Object.keys(document.paths ?? {});
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of methods) {
      const operation = item[method];
      if (!operation) continue;
      const { group, verb } = nameOperation(operation.tags?.[0] ?? '', method, path, paths);
      operation.operationId = `${group}.${verb}`;
    }
  }
}

/** What holds for every route is said here once and not in each of them. */
function completePath(item: PathItem): void {
  for (const method of methods) {
    const operation = item[method];
    if (!operation) continue;
    operation.responses ??= {};
    if (operation.security?.some((each) => 'user' in each || 'platform' in each)) {
      operation.responses['429'] ??= { $ref: '#/components/responses/Problem' };
    }
    operation.responses.default ??= { $ref: '#/components/responses/Problem' };
    // Optional to the validator only because its absence has a code of its own.
    for (const parameter of operation.parameters ?? []) {
      if ('name' in parameter && parameter.name.toLowerCase() === 'idempotency-key')
        parameter.required = true;
    }
  }
}
