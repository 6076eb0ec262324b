// The tenant's own chain of sealed blocks, for the platform that anchors its head outside of this installation.
import { createRoute } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { chainQuery, chainSchema, readChain } from '../chain-view.ts';
import type { ApiDeps } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { createRouter } from './router.ts';
import { problemAnswer } from './schemas.ts';

const chainRoute = createRoute({
  method: 'get',
  path: '/chain',
  tags: ['Operations'],
  summary: 'The head of your hash chain, and its blocks',
  description:
    'Every entry of every wallet is sealed a few seconds after it was settled. Keep `head` on your side: as long as ' +
    'its block has this hash, nothing before it was changed, removed or added, by whomever.',
  security: [{ platform: [] }],
  request: { query: chainQuery },
  responses: {
    200: {
      description: 'The head, and blocks in order',
      content: { 'application/json': { schema: chainSchema } },
    },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended'),
    422: problemAnswer('invalid_input'),
    503: problemAnswer('unavailable'),
  },
});

export function platformChainRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/chain', requireCaller(deps));
  router.openapi(chainRoute, async (c) => {
    const caller = c.get('caller');
    if (caller.type === 'user') {
      throw new Problem('forbidden', { detail: 'Only a platform reads the chain of all wallets.' });
    }
    requireScope(caller, 'read');
    return c.json(await readChain(deps, caller.tenant.slug, c.req.valid('query')), 200);
  });
  return router;
}
