// Everything below /operator: guarded here once, so that a route added later is guarded too.
import { createMiddleware } from 'hono/factory';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireOperator } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { addressRoutes } from './address.ts';
import { chainRoutes } from './chain.ts';
import { clockRoutes } from './clock.ts';
import { consoleRoutes } from './console.ts';
import { freezeRoutes } from './freezes.ts';
import { heldOperationRoutes } from './held-operations.ts';
import { inboxRoutes } from './inbox.ts';
import { integrityRoutes } from './integrity.ts';
import { keyConsoleRoutes } from './key-console.ts';
import { keyRoutes } from './keys.ts';
import { loginRoutes } from './login.ts';
import { purchaseRoutes } from './purchases.ts';
import { queueRoutes } from './queues.ts';
import { reconciliationRoutes } from './reconciliation.ts';
import { signingKeyRoutes } from './signing-keys.ts';
import { tenantConsoleRoutes } from './tenant-console.ts';
import { tenantRoutes } from './tenants.ts';
import { userConsoleRoutes } from './user-console.ts';
import { operatorUserRoutes } from './users.ts';
import { webhookConsoleRoutes } from './webhook-console.ts';
import { operatorWebhookRoutes } from './webhook-endpoints.ts';

/** The only doors that open without a credential. */
const openPaths = new Set(['/operator/login', '/operator/logout']);

export function operatorRoutes(deps: ApiDeps) {
  const app = createRouter();
  const guard = requireOperator(deps);
  const guardAllButLogin = createMiddleware<ApiEnv>((c, next) =>
    openPaths.has(c.req.path) ? next() : guard(c, next),
  );
  app.use('/operator/*', guardAllButLogin, limitBody);
  app.use('/operator/tenants', requireJson);
  app.use('/operator/tenants/*', requireJson);
  app.route('/', loginRoutes(deps));
  app.route('/', consoleRoutes(deps));
  app.route('/', addressRoutes(deps));
  app.route('/', tenantConsoleRoutes(deps));
  app.route('/', userConsoleRoutes(deps));
  app.route('/', keyConsoleRoutes(deps));
  app.route('/', tenantRoutes(deps));
  app.route('/', keyRoutes(deps));
  app.route('/', signingKeyRoutes(deps));
  app.route('/', operatorUserRoutes(deps));
  app.route('/', clockRoutes(deps));
  app.route('/', webhookConsoleRoutes(deps));
  app.route('/', operatorWebhookRoutes(deps));
  app.route('/', integrityRoutes(deps));
  app.route('/', chainRoutes(deps));
  app.route('/', inboxRoutes(deps));
  app.route('/', purchaseRoutes(deps));
  app.route('/', freezeRoutes(deps));
  app.route('/', heldOperationRoutes(deps));
  app.route('/', reconciliationRoutes(deps));
  app.route('/', queueRoutes(deps));
  return app;
}
