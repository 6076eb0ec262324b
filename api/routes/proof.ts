// Proves to a platform that an operation is in its hash chain, by what anybody can compute without this installation.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findHead } from '#shared/db/chain.ts';
import { findSealedEntry, listVersionsOf, type SealedEntry } from '#shared/db/chain-proof.ts';
import { findOperation, type OperationRow } from '#shared/db/operations.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { inclusionPath, splitLeaves } from '#shared/runtime/hash-chain.ts';
import { blockSchema, toBlockView } from '../chain-view.ts';
import type { ApiDeps } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { createRouter } from './router.ts';
import { problemAnswer } from './schemas.ts';

const proofSchema = z
  .object({
    operationId: z.uuid(),
    sealed: z.boolean().openapi({
      description: 'All entries are in blocks. False a few seconds long, and for good where it moved nothing',
    }),
    head: z.object({ n: z.int(), hash: z.string() }),
    entries: z.array(
      z.object({
        walletId: z.uuid(),
        version: z.int(),
        text: z.string().openapi({ description: 'The leaf is SHA-256 of a zero byte and this, in UTF-8' }),
        index: z.int().openapi({ description: "The leaf's place among the `entries` of the block" }),
        path: z
          .array(z.string())
          .openapi({ description: 'Inclusion proof (RFC 9162, 2.1.3), in hexadecimal' }),
        block: blockSchema,
      }),
    ),
  })
  .openapi('OperationProof');

const proofRoute = createRoute({
  method: 'get',
  path: '/operations/{id}/proof',
  tags: ['Operations'],
  summary: 'The proof that an operation is sealed in the hash chain',
  description:
    "Of the entries in the operation's own wallet. Leaf and path come to the block's `root`; `GET /chain` has the blocks " +
    'from there to a head that you kept.',
  security: [{ platform: [] }],
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: { description: 'As far as it is sealed', content: { 'application/json': { schema: proofSchema } } },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended'),
    404: problemAnswer('operation_not_found'),
    503: problemAnswer('unavailable'),
  },
});

export function proofRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/operations/*', requireCaller(deps));
  router.openapi(proofRoute, async (c) => {
    const caller = c.get('caller');
    if (caller.type === 'user') {
      throw new Problem('forbidden', { detail: 'Only a platform reads the chain of all wallets.' });
    }
    requireScope(caller, 'read');
    const { id } = c.req.valid('param');
    const { slug } = caller.tenant;
    // What is no id cannot exist; Postgres would call it malformed.
    const proof = z.uuid().safeParse(id).success
      ? await withTenant(deps.db.app, slug, (tx) => prove(tx, slug, id), 'snapshot')
      : undefined;
    if (!proof) throw new Problem('operation_not_found', { detail: 'There is no such operation.' });
    return c.json(proof, 200);
  });
  return router;
}

async function prove(tx: Tx, tenant: string, id: string): Promise<z.infer<typeof proofSchema> | undefined> {
  const operation = await findOperation(tx, id);
  if (!operation) return undefined;
  const { n, hash } = await findHead(tx, tenant);
  const found = await listSealed(tx, operation);
  const entries = found.flatMap(({ sealed, ...entry }) => {
    if (!sealed) return [];
    const { block, index } = sealed;
    const path = inclusionPath(splitLeaves(block.leaves), index).map((each) => each.toString('hex'));
    return [{ ...entry, index, path, block: toBlockView(block) }];
  });
  const sealed = found.length > 0 && entries.length === found.length;
  return { operationId: id, sealed, head: { n, hash: hash.toString('hex') }, entries };
}

async function listSealed(tx: Tx, operation: OperationRow): Promise<SealedEntry[]> {
  const { id, walletId, walletVersion, settledAt } = operation;
  if (walletVersion === null || settledAt === null) return [];
  const found: SealedEntry[] = [];
  for (const version of await listVersionsOf(tx, { id, walletId, walletVersion })) {
    const entry = await findSealedEntry(tx, { walletId, version, settledAt });
    if (entry) found.push(entry);
  }
  return found;
}
