// The operator's way into the console: the token as password, and a session cookie after it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { isOperatorToken, operatorCredential, requireSameOrigin } from '../middleware/operator.ts';
import { renderPage } from '../pages/layout.ts';
import { createRouter } from '../routes/router.ts';
import { endConsoleSession, startConsoleSession } from './session.ts';

const consolePath = '/operator/';
/** Slows guessing by hand; the limit stops guessing by machine. */
const failureDelayMs = 300;

/** Where the login leads: below the console, and nowhere else that a link may have named. */
export function safeNext(next: string | undefined): string {
  if (!next?.startsWith(consolePath)) return consolePath;
  // Resolved as a browser would, so that backslashes and dots cannot lead elsewhere.
  const base = 'http://console.invalid';
  const url = URL.canParse(next, base) ? new URL(next, base) : undefined;
  if (!url || url.origin !== base || !url.pathname.startsWith(consolePath)) return consolePath;
  return url.pathname + url.search;
}

interface LoginForm {
  next: string;
  fault?: string;
  status: 200 | 401 | 429;
}

function renderLogin(c: Context<ApiEnv>, { next, fault, status }: LoginForm) {
  return renderPage(c, {
    title: 'Operator login',
    status,
    main: html`<h1>Operator login</h1>
      <form class="card grid" method="post" action="/operator/login">
        ${fault ? html`<div class="note bad" role="alert" id="fault">${fault}</div>` : ''}
        <input type="hidden" name="next" value="${next}" />
        <input type="text" name="username" value="operator" autocomplete="username" hidden aria-hidden="true" />
        <div>
          <label for="token">Operator token</label>
          <input id="token" name="token" type="password" required autofocus autocomplete="current-password"
            ${fault ? html`aria-invalid="true" aria-describedby="fault"` : ''} />
        </div>
        <div><button type="submit">Log in</button></div>
        <p class="soft small">It was printed when Coinlane started, and it is the setting OPERATOR_TOKEN.</p>
      </form>`,
  });
}

/** A person reads the answer: a refusal is a page here, and no problem. */
function keepRefusal(error: unknown): Problem {
  if (error instanceof Problem && error.code === 'rate_limited') return error;
  throw error;
}

export function loginRoutes(deps: ApiDeps) {
  const app = createRouter();

  app.get('/operator/login', (c) => {
    const next = safeNext(c.req.query('next'));
    if (operatorCredential(c, deps) === 'session') return c.redirect(next, 302);
    return renderLogin(c, { next, status: 200 });
  });

  app.post('/operator/login', async (c) => {
    requireSameOrigin(c, deps, { proven: false });
    const form = await c.req.parseBody();
    const next = safeNext(String(form.next ?? ''));
    // Counted before the comparison, so that guesses at the same moment are counted too.
    const attempt = await deps.limits.operatorLogin(c).catch(keepRefusal);
    if (attempt instanceof Problem) {
      for (const [name, value] of Object.entries(attempt.headers)) c.header(name, value);
      c.header('Retry-After', String(attempt.retryAfterSeconds));
      return renderLogin(c, {
        next,
        status: 429,
        fault: 'Too many attempts. Wait five minutes, then try again.',
      });
    }
    if (!isOperatorToken(deps, String(form.token ?? '').trim())) {
      const { requestId, address } = c.var;
      c.get('log')?.warn({ requestId, address }, 'a console login failed');
      await sleep(failureDelayMs);
      return renderLogin(c, { next, status: 401, fault: 'This is not the operator token.' });
    }
    await attempt.succeeded();
    startConsoleSession(c, deps);
    return c.redirect(next, 303);
  });

  app.post('/operator/logout', (c) => {
    requireSameOrigin(c, deps, { proven: true });
    endConsoleSession(c);
    return c.redirect('/operator/login', 303);
  });
  return app;
}
