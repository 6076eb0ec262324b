// How the console's pages about a tenant are made: frame, what was just done, and refusals as pages.
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { inputProblem } from '../errors.ts';
import type { Markup } from '../pages/layout.ts';
import { renderTenantPage, type Section, type TenantPage } from './console-frame.ts';

/** What was just done, as the page after it says; its address names it and can say nothing else. */
const doneTexts: Record<string, string> = {
  replayed: 'The event is open again: a worker acts on it at once.',
  granted: 'The payment is taken as it is. The coins are on their way.',
  refunded: 'The payment goes back to the payer.',
  frozen: 'The wallet is frozen.',
  lifted: 'The freeze is lifted.',
  released: 'The operation goes on: a worker settles it next.',
  refused: 'The operation is refused. Nothing has moved.',
  banned: 'The user is banned: all sessions are over, and nothing can be spent.',
  unbanned: 'The user may log in and spend again.',
  ended: 'All sessions of the user are over.',
  erased: 'What was personal is gone. The books stay.',
  changed: 'The endpoint is changed.',
  deleted: 'The endpoint is gone, and its log with it.',
  sent: 'It is on its way: the log shows what came of it.',
  revoked: 'The key is revoked: it is refused from now on.',
};

type Handled = (c: Context<ApiEnv>) => Promise<Response>;

export const tenantBase = '/operator/console/tenants/:slug{[a-z0-9-]+}';
export const param = (c: Context<ApiEnv>, name: string) => c.req.param(name) ?? '';

export function createPages(deps: ApiDeps) {
  const show = (c: Context<ApiEnv>, section: Section, main: Markup, more: Partial<TenantPage> = {}) => {
    const text = doneTexts[c.req.query('done') ?? ''];
    const notice = text === undefined ? {} : { notice: { text } };
    return renderTenantPage(c, deps, { slug: param(c, 'slug'), section, main, ...notice, ...more });
  };
  /** A refusal is a page too, below the tenant that it is about. */
  const page =
    (section: Section, work: Handled): Handled =>
    async (c) => {
      try {
        return await work(c);
      } catch (error) {
        if (!(error instanceof Problem) || error.status >= 500) throw error;
        const { title, status } = error;
        const main = html`<p><a href="/operator/">To the tenants</a></p>`;
        const notice = { text: `${title}. ${error.detail ?? ''}`, bad: true };
        return show(c, section, main, { title, status: status as 404, notice });
      }
    };
  return { show, page };
}
export type Pages = ReturnType<typeof createPages>;

/** @throws Problem invalid_input */
export function read<T extends z.ZodType>(schema: T, given: unknown): z.output<T> {
  const result = schema.safeParse(given);
  if (!result.success) throw inputProblem(result.error as never, 'query');
  return result.data;
}

/** A filter that was left at "any" is none. */
export function filled(query: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));
}
