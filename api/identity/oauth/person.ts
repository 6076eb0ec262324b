// Start and callback are opened by people in browsers: a refusal there is a page, and a problem for everybody else.
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiEnv } from '../../context.ts';
import { renderNotice } from '../../pages/layout.ts';

const fallbackText = 'Go back to where you came from, and try again.';

/** The status is the same for both; what carries more than text, such as a challenge, stays a problem. */
export async function answerPerson<R>(c: Context<ApiEnv>, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    const wantsPage = c.req.header('accept')?.includes('text/html');
    if (!wantsPage || !(error instanceof Problem) || Object.keys(error.extensions).length > 0) throw error;
    for (const [name, value] of Object.entries(error.headers)) c.header(name, value);
    if (error.retryAfterSeconds !== undefined) c.header('Retry-After', String(error.retryAfterSeconds));
    if (error.status >= 500) {
      const { code } = error;
      c.get('log')?.error({ requestId: c.get('requestId'), err: error, code }, 'request failed');
    }
    const status = error.status as ContentfulStatusCode;
    return (await renderNotice(c, status, error.title, error.detail ?? fallbackText)) as R;
  }
}
