// The one frame of all pages that we render: look, navigation, and a policy that lets nothing foreign in.
import { randomBytes } from 'node:crypto';
import type { Context } from 'hono';
import { html, raw } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ApiEnv } from '../context.ts';
import { stylesheet } from './stylesheet.ts';

/** A piece of a page, made with hono's `html`, which escapes what is put into it. */
export type Markup = ReturnType<typeof html>;

export interface Page {
  title: string;
  main: Markup;
  status?: ContentfulStatusCode;
  /** Tables need more width than forms. */
  wide?: boolean;
  /** Where the name of the page leads. */
  home?: string;
  nav?: Markup;
  /** Addresses of ES modules, all ours. */
  modules?: string[];
  /** Origins beside our own that a form may end at, such as a return address after a redirect. */
  formTargets?: string[];
}

const coin = raw(
  '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2">' +
    '<circle cx="12" cy="12" r="9.5"/><path d="M15.5 9a4.5 4.5 0 1 0 0 6" stroke-linecap="round"/></svg>',
);

const icon = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><circle cx="12" cy="12" r="11" fill="#0b6b53"/>' +
    '<path d="M15.5 9a4.5 4.5 0 1 0 0 6" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round"/></svg>',
)}`;

function contentPolicy(nonce: string, { modules, formTargets }: Page): string {
  return [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    modules ? `script-src 'nonce-${nonce}'` : "script-src 'none'",
    modules ? "connect-src 'self'" : "connect-src 'none'",
    'img-src data:',
    // Browsers apply this to the redirect after a form too.
    `form-action ${["'self'", ...(formTargets ?? [])].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Answers with a whole page. It is never cached: it shows state, or a secret. */
export function renderPage(c: Context<ApiEnv>, page: Page): Response | Promise<Response> {
  const nonce = randomBytes(16).toString('base64');
  c.header('Content-Security-Policy', contentPolicy(nonce, page));
  c.header('X-Content-Type-Options', 'nosniff');
  // Not `no-referrer`, which would make browsers hide the origin of our own forms.
  c.header('Referrer-Policy', 'same-origin');
  c.header('Cache-Control', 'no-store');
  return c.html(
    html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${page.title} · Coinlane</title>
    <link rel="icon" href="${icon}" />
    <style nonce="${nonce}">${raw(stylesheet)}</style>
    ${(page.modules ?? []).map((src) => html`<script type="module" nonce="${nonce}" src="${src}"></script>`)}
  </head>
  <body>
    <a class="skip" href="#main">Skip to the content</a>
    <header class="top">
      <a class="brand" href="${page.home ?? '/'}">${coin}<span>Coinlane</span></a>
      ${page.nav ?? ''}
    </header>
    <main id="main" class="${page.wide ? 'wide' : ''}">${page.main}</main>
  </body>
</html>`,
    page.status ?? 200,
  );
}

/** A page that says one thing, such as that there is nothing here. */
export function renderNotice(c: Context<ApiEnv>, status: ContentfulStatusCode, title: string, text: string) {
  return renderPage(c, {
    title,
    status,
    main: html`<h1>${title}</h1><div class="card"><p>${text}</p><p><a href="/">To the start page</a></p></div>`,
  });
}
