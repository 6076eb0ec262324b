// Every middleware and every group of routes, in the order in which a request meets them.
import { getConnInfo } from '@hono/node-server/conninfo';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv } from './context.ts';
import { answerProblem } from './errors.ts';
import { identityRoutes } from './identity/routes.ts';
import { catalogueRoutes } from './items/catalogue.ts';
import { entitlementRoutes } from './items/entitlements.ts';
import { showRate } from './limits/refusals.ts';
import { accessLog } from './middleware/access-log.ts';
import { createAddressFinder, warnOnce } from './middleware/address.ts';
import { requireServedMethod } from './middleware/method.ts';
import { operatorRoutes } from './operator/routes.ts';
import { hostedWalletRoutes } from './pages/wallet.ts';
import { payoutRoutes } from './payouts/routes.ts';
import { readingRoutes } from './reading/routes.ts';
import { balanceRoutes } from './routes/balance.ts';
import { batchRoutes } from './routes/batch.ts';
import { buyRoutes } from './routes/buy.ts';
import { platformChainRoutes } from './routes/chain.ts';
import { documentationRoutes } from './routes/documentation.ts';
import { exchangeRoutes } from './routes/exchange.ts';
import { holdEndRoutes } from './routes/hold-ends.ts';
import { holdRoutes } from './routes/holds.ts';
import { operationRoutes } from './routes/operations.ts';
import { paymentReturnRoutes } from './routes/payment-return.ts';
import { proofRoutes } from './routes/proof.ts';
import { providerEventRoutes } from './routes/provider-events.ts';
import { refundRoutes } from './routes/refund.ts';
import { createRouter } from './routes/router.ts';
import { sandboxRoutes } from './routes/sandbox.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { systemRoutes } from './routes/system.ts';
import { testClockRoutes } from './routes/test-clock.ts';
import { transferRoutes } from './routes/transfer.ts';
import { walletRoutes } from './routes/wallet.ts';
import { topUpRoutes } from './top-ups/routes.ts';
import { platformUserRoutes } from './users/platform-users.ts';
import { platformWebhookRoutes } from './webhook-endpoints/platform.ts';

export type App = OpenAPIHono<ApiEnv>;

/** `mount` adds what belongs to one way of starting only, such as the mail catcher's page. */
export function createApp(deps: ApiDeps, mount?: (app: App, deps: ApiDeps) => void): App {
  const app = createRouter();
  const addressOf = createAddressFinder(deps.config.TRUSTED_PROXIES, warnOnce(deps.log));
  app.onError((error, c) => answerProblem(c, error));
  app.notFound((c) =>
    answerProblem(
      c,
      new Problem('not_found', { detail: `Nothing is served at ${c.req.path.slice(0, 200)}.` }),
    ),
  );
  app.use(accessLog(deps));
  app.use(async (c, next) => {
    c.set('address', addressOf(c.req.raw.headers, peerAddress(c)));
    await next();
    const { headers } = c.res;
    showRate(c, headers);
    guardAnswer(c, headers);
    // Whoever keeps connections must not send the next request to a process that is about to end.
    if (deps.lifecycle.draining) headers.set('Connection', 'close');
  });
  app.use(requireServedMethod(app));
  app.route('/', systemRoutes(deps));
  app.route('/', identityRoutes(deps));
  app.route('/', platformUserRoutes(deps));
  app.route('/', platformWebhookRoutes(deps));
  app.route('/', walletRoutes(deps));
  app.route('/', transferRoutes(deps));
  app.route('/', holdRoutes(deps));
  app.route('/', holdEndRoutes(deps));
  app.route('/', exchangeRoutes(deps));
  app.route('/', refundRoutes(deps));
  app.route('/', paymentReturnRoutes(deps));
  app.route('/', balanceRoutes(deps));
  app.route('/', buyRoutes(deps));
  app.route('/', topUpRoutes(deps));
  app.route('/', payoutRoutes(deps));
  app.route('/', catalogueRoutes(deps));
  app.route('/', entitlementRoutes(deps));
  app.route('/', readingRoutes(deps));
  app.route('/', batchRoutes(deps));
  app.route('/', scheduleRoutes(deps));
  app.route('/', testClockRoutes(deps));
  app.route('/', operationRoutes(deps));
  app.route('/', platformChainRoutes(deps));
  app.route('/', proofRoutes(deps));
  app.route('/', providerEventRoutes(deps));
  if (!deps.config.production) app.route('/', sandboxRoutes(deps));
  app.route('/', hostedWalletRoutes(deps));
  app.route('/', operatorRoutes(deps));
  mount?.(app, deps);
  app.route('/', documentationRoutes(app));
  return app;
}

/** Nobody guesses what an answer is; and what is about somebody is kept by nobody, unless a route says otherwise. */
function guardAnswer(c: Context<ApiEnv>, headers: Headers): void {
  headers.set('X-Content-Type-Options', 'nosniff');
  if (c.get('caller') && !headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store');
}

/** Requests that come from `app.request()` have no socket; a socket that is gone already has no address, and no trust. */
function peerAddress(c: Parameters<typeof getConnInfo>[0]): string {
  try {
    return getConnInfo(c).remote.address ?? '0.0.0.0';
  } catch {
    return '127.0.0.1';
  }
}
