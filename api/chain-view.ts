// Shows a tenant's chain of sealed blocks, to operators and to the platform alike: the head, and pages of blocks.
import { z } from '@hono/zod-openapi';
import { type Block, countUnsealed, findHead, listBlocks } from '#shared/db/chain.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from './context.ts';

export const chainQuery = z.object({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('Blocks behind this number: `nextAfter` of the page before'),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const digest = z.string().openapi({ description: 'SHA-256, in hexadecimal digits' });

export const blockSchema = z
  .object({
    n: z.int(),
    hash: digest,
    previous: digest,
    root: digest,
    entries: z.int(),
    total: z.int().openapi({ description: 'Entries in all blocks up to this one' }),
    sealedAt: z.iso.datetime(),
  })
  .openapi('Block');

export const chainSchema = z
  .object({
    head: z
      .object({
        tenant: z.string(),
        n: z.int().openapi({ description: 'The number of blocks' }),
        hash: digest,
        entries: z.int(),
        sealedAt: z.iso.datetime().nullable(),
      })
      .openapi({ description: 'Keep it where nobody who reaches the database can change it' }),
    unsealed: z.int().openapi({ description: 'Entries that wait to be sealed' }),
    data: z.array(blockSchema),
    hasMore: z.boolean(),
    nextAfter: z.int().nullable(),
  })
  .openapi('Chain');

const hex = (value: Buffer) => value.toString('hex');

export function toBlockView({ n, hash, previous, root, entries, total, sealedAt }: Block) {
  return {
    n,
    hash: hex(hash),
    previous: hex(previous),
    root: hex(root),
    entries,
    total,
    sealedAt: sealedAt.toISOString(),
  };
}

export function readChain(
  { db }: Pick<ApiDeps, 'db'>,
  tenant: string,
  { after, limit }: z.infer<typeof chainQuery>,
): Promise<z.infer<typeof chainSchema>> {
  return withTenant(
    db.app,
    tenant,
    async (tx) => {
      const { n, hash, total, sealedAt } = await findHead(tx, tenant);
      const unsealed = await countUnsealed(tx);
      const blocks = await listBlocks(tx, after, limit + 1);
      const data = blocks.slice(0, limit).map(toBlockView);
      const nextAfter = blocks.length > limit ? (data.at(-1)?.n ?? null) : null;
      const head = {
        tenant,
        n,
        hash: hex(hash),
        entries: total,
        sealedAt: sealedAt?.toISOString() ?? null,
      };
      return { head, unsealed, data, hasMore: nextAfter !== null, nextAfter };
    },
    'snapshot',
  );
}
