// All routes of logins by a provider in one group.
import type { ApiDeps } from '../../context.ts';
import { createRouter } from '../../routes/router.ts';
import { callbackRoutes } from './callback.ts';
import { createExchange } from './exchange.ts';
import { identitiesRoutes } from './identities.ts';
import { redeemRoutes } from './redeem.ts';
import { startRoutes } from './start.ts';

export function oauthRoutes(deps: ApiDeps) {
  const router = createRouter();
  const exchange = createExchange(deps);
  router.route('/', startRoutes(deps, exchange));
  router.route('/', callbackRoutes(deps, exchange));
  router.route('/', redeemRoutes(deps));
  router.route('/', identitiesRoutes(deps));
  return router;
}
