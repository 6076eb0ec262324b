// All routes of identity in one group.
import type { ApiDeps } from '../context.ts';
import { createRouter } from '../routes/router.ts';
import { jwksRoutes } from './jwks.ts';
import { loginRoutes } from './login.ts';
import { profileRoutes } from './profile.ts';
import { refreshRoutes } from './refresh.ts';
import { registerRoutes } from './register.ts';
import { verifyRoutes } from './verify.ts';

export function identityRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.route('/', registerRoutes(deps));
  router.route('/', loginRoutes(deps));
  router.route('/', refreshRoutes(deps));
  router.route('/', profileRoutes(deps));
  router.route('/', verifyRoutes(deps));
  router.route('/', jwksRoutes(deps));
  return router;
}
