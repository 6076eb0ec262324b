// All that reads the books for those whose coins they are: explanations, lots, statements, search.
import { createRoute } from '@hono/zod-openapi';
import { coinField } from '../coins.ts';
import type { ApiDeps } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { createRouter } from '../routes/router.ts';
import { callerSecurity, problemAnswer, userIdField } from '../routes/schemas.ts';
import { explainRoutes } from './explain.ts';
import { lotRoutes } from './lots.ts';
import { searchRoutes } from './search.ts';
import { answerStatement, statementQuery } from './statement-answer.ts';
import { statementAnswer } from './statement-schema.ts';
import { walletWithBooks } from './wallet-with-books.ts';

const statementRoute = createRoute({
  method: 'get',
  path: '/wallet/statement',
  tags: ['Wallet'],
  summary: 'A statement: what it began with, every posting, what it ended with',
  description:
    'Streamed, however long it is. `html` prints well on A4. The amounts of the lines sum to closing less opening; ' +
    'what ran out is on it from when that was booked.',
  security: callerSecurity,
  request: { query: statementQuery.extend({ userId: userIdField, coin: coinField }) },
  responses: {
    200: statementAnswer,
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended, forbidden'),
    404: problemAnswer('user_not_found; not_found where the user has no wallet of the coin'),
    422: problemAnswer('invalid_input, unknown_coin'),
    503: problemAnswer('unavailable'),
  },
});

export function readingRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/statement', requireCaller(deps));
  router.openapi(statementRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { userId: given, coin, ...query } = c.req.valid('query');
    const walletId = await walletWithBooks(deps, caller, given, coin);
    return answerStatement(c, deps, { issuer: caller.tenant, walletId }, query) as never;
  });
  router.route('/', explainRoutes(deps));
  router.route('/', lotRoutes(deps));
  router.route('/', searchRoutes(deps));
  return router;
}
