// The mail catcher's pages: what came in, each mail as its reader would see it, and the same as JSON.
import { randomBytes } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { html, raw } from 'hono/html';
import { stylesheet } from '#api/pages/stylesheet.ts';

export interface CaughtMail {
  /** Counts from 1 since the start. */
  number: number;
  /** ISO 8601, UTC. */
  receivedAt: string;
  from: string;
  to: string[];
  subject: string;
  text: string;
  html: string | undefined;
  /** Name and value in the order of the message. */
  headers: [name: string, value: string][];
}

type Markup = ReturnType<typeof html>;

/** `mails`: the newest first; read anew for every request. Paths are relative to where this is mounted. */
export function mailCatcherRoutes(mails: CaughtMail[]): Hono {
  const routes = new Hono();
  const find = (c: Context) =>
    mails.find((mail) => mail.number === Number.parseInt(c.req.param('number') ?? '', 10));
  routes.get('/', (c) =>
    page(c, 'Caught mail', listOf(mails, c.req.path.replace(/\/$/, '')), { refreshSeconds: 5 }),
  );
  routes.get('/mails.json', (c) => {
    const data = mails.map(({ number, receivedAt, from, to, subject }) => ({
      number,
      receivedAt,
      from,
      to,
      subject,
    }));
    return c.json({ data });
  });
  routes.get('/mails/:number{[0-9]+\\.json}', (c) => {
    const mail = find(c);
    return mail ? c.json(mail) : c.json({ error: 'There is no such mail.' }, 404);
  });
  routes.get('/mails/:number{[0-9]+}/body', (c) => {
    const mail = find(c);
    return mail?.html === undefined ? c.text('There is no such mail.', 404) : bodyAlone(c, mail.html);
  });
  routes.get('/mails/:number{[0-9]+}', (c) => {
    const mail = find(c);
    const base = c.req.path.replace(/\/mails\/\d+$/, '');
    if (mail) return page(c, mail.subject, oneMail(mail, base));
    const gone = html`<h1>There is no such mail</h1>
<p>Only the last 200 since the start are kept. <a href="${base}">All mails</a></p>`;
    return page(c, 'No such mail', gone, { status: 404 });
  });
  return routes;
}

function listOf(mails: CaughtMail[], base: string): Markup {
  if (mails.length === 0) {
    return html`<h1>Caught mail</h1>
<div class="card"><p><strong>Nothing has come in yet.</strong></p>
<p>No SMTP_URL is set, so mails end here instead of at their readers. One comes when somebody registers, buys
coins, or gets a refund. This page looks again every few seconds.</p></div>`;
  }
  const items = mails.map(
    (
      mail,
    ) => html`<li><span class="what"><a href="${base}/mails/${mail.number}">${mail.subject || '(no subject)'}</a><br>
<span class="soft small">to ${mail.to.join(', ')}, from ${mail.from}</span></span>
<time class="soft small" datetime="${mail.receivedAt}">${readable(mail.receivedAt)}</time></li>
`,
  );
  return html`<h1>Caught mail</h1>
<p class="soft">Nothing here was delivered. The newest is first; this page looks again every few seconds.</p>
<div class="card"><ul class="list">${items}</ul></div>
<p class="small"><a href="${base}/mails.json">The same as JSON</a></p>`;
}

function oneMail(mail: CaughtMail, base: string): Markup {
  // No scripts and no origin of its own: the mail can show itself and open links, and nothing else.
  const sandbox = 'allow-popups allow-popups-to-escape-sandbox';
  const shown = html`<h2>As HTML</h2><iframe class="mail" sandbox="${sandbox}" title="The mail as HTML"
 src="${base}/mails/${mail.number}/body"></iframe>`;
  const headers = mail.headers.map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>
`,
  );
  return html`<p><a href="${base}">All mails</a></p>
<h1>${mail.subject || '(no subject)'}</h1>
<p class="soft">From ${mail.from}<br>to ${mail.to.join(', ')}<br>
<time datetime="${mail.receivedAt}">${readable(mail.receivedAt)}</time></p>
<div class="card">${mail.html === undefined ? html`<p>This mail has no HTML.</p>` : shown}</div>
<div class="card"><h2>As text</h2><pre class="mail">${linked(mail.text)}</pre></div>
<div class="card"><h2>Headers</h2><div class="scroll"><table class="headers">${headers}</table></div></div>
<p class="small"><a href="${base}/mails/${mail.number}.json">The same as JSON</a></p>`;
}

const readable = (iso: string) => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

/** The text with its addresses as links. */
function linked(text: string): Markup[] {
  return text
    .split(/(https?:\/\/[^\s<>"]+)/)
    .map((part, index) =>
      index % 2 === 1 ? html`<a href="${part}" target="_blank" rel="noreferrer">${part}</a>` : html`${part}`,
    );
}

/** The mail's own HTML, for the frame; locked in also when it is opened by itself. */
function bodyAlone(c: Context, mailHtml: string): Response {
  c.header(
    'Content-Security-Policy',
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " +
      "img-src data:; form-action 'none'; frame-ancestors 'self'",
  );
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Cache-Control', 'no-store');
  // Links leave the frame, in which other pages would not work.
  return c.body(mailHtml.replace(/<head[^>]*>/i, '$&<base target="_blank">'), 200, {
    'Content-Type': 'text/html; charset=utf-8',
  });
}

const ownStyle = `
iframe.mail { width: 100%; height: 70vh; border: 1px solid var(--line); border-radius: .5rem; background: #fff; }
@media (prefers-color-scheme: dark) { iframe.mail { background: #14161a; } }
pre.mail { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
table.headers { width: 100%; border-collapse: collapse; font-size: .875rem; }
table.headers th, table.headers td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; }
table.headers td { overflow-wrap: anywhere; }`;

function page(
  c: Context,
  title: string,
  main: Markup,
  { status = 200, refreshSeconds }: { status?: 200 | 404; refreshSeconds?: number } = {},
) {
  const nonce = randomBytes(16).toString('base64');
  c.header(
    'Content-Security-Policy',
    `default-src 'none'; style-src 'nonce-${nonce}'; frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`,
  );
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Referrer-Policy', 'no-referrer');
  c.header('Cache-Control', 'no-store');
  return c.html(
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${refreshSeconds ? html`<meta http-equiv="refresh" content="${refreshSeconds}">` : ''}
<title>${title} · Coinlane</title>
<style nonce="${nonce}">${raw(stylesheet + ownStyle)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="brand" href="/operator/">Coinlane operator</a></header>
<main id="main" class="wide">${main}</main>
</body>
</html>`,
    status,
  );
}
