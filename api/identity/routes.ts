// All routes of identity in one group.
import type { ApiDeps } from '../context.ts';
import { createRouter } from '../routes/router.ts';
import { changeEmailRoutes } from './change-email.ts';
import { confirmSessionRoutes } from './factors/confirm-session.ts';
import { overviewRoutes } from './factors/overview.ts';
import { passkeyLoginRoutes } from './factors/passkey-login.ts';
import { passkeyRoutes } from './factors/passkeys.ts';
import { totpRoutes } from './factors/second-factor.ts';
import { secondFactorLoginRoutes } from './factors/second-factor-login.ts';
import { forgotRoutes } from './forgot.ts';
import { jwksRoutes } from './jwks.ts';
import { loginRoutes } from './login.ts';
import { oauthRoutes } from './oauth/routes.ts';
import { ownDataRoutes } from './own-data.ts';
import { profileRoutes } from './profile.ts';
import { refreshRoutes } from './refresh.ts';
import { registerRoutes } from './register.ts';
import { resetRoutes } from './reset.ts';
import { sessionRoutes } from './session-routes.ts';
import { verifyRoutes } from './verify.ts';

export function identityRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.route('/', registerRoutes(deps));
  router.route('/', loginRoutes(deps));
  router.route('/', secondFactorLoginRoutes(deps));
  router.route('/', confirmSessionRoutes(deps));
  router.route('/', overviewRoutes(deps));
  router.route('/', totpRoutes(deps));
  router.route('/', passkeyRoutes(deps));
  router.route('/', passkeyLoginRoutes(deps));
  router.route('/', refreshRoutes(deps));
  router.route('/', profileRoutes(deps));
  router.route('/', ownDataRoutes(deps));
  router.route('/', verifyRoutes(deps));
  router.route('/', forgotRoutes(deps));
  router.route('/', resetRoutes(deps));
  router.route('/', changeEmailRoutes(deps));
  router.route('/', sessionRoutes(deps));
  router.route('/', jwksRoutes(deps));
  router.route('/', oauthRoutes(deps));
  return router;
}
