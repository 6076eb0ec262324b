// The API reference, whole without the internet: page, viewer and document all come from this process.
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { html, raw } from 'hono/html';
import { createRouter } from './router.ts';

// The package does not export its browser bundle, but its entry stands beside it.
const packageUrl = new URL('../', import.meta.resolve('@scalar/api-reference'));
const bundleUrl = new URL('dist/browser/standalone.js', packageUrl);

const viewerSettings = {
  url: '/openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  // No proxy, hosted client or assistant: each of them lives on somebody else's host.
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
};

const year = 365 * 24 * 3600;

/** Connections go nowhere but here, whatever the viewer would like to load. */
function contentPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    // The viewer writes style attributes, which no nonce can allow.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export function referencePage() {
  const app = createRouter();
  const versionKnown = readVersion();
  let compressing: Promise<Buffer> | undefined;
  app.get('/docs/', (c) => c.redirect('/docs', 301));
  app.get('/docs', async (c) => {
    const nonce = randomBytes(16).toString('base64');
    c.header('Content-Security-Policy', contentPolicy(nonce));
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Referrer-Policy', 'same-origin');
    c.header('Cache-Control', 'no-cache');
    return c.html(renderReference(await versionKnown, nonce));
  });
  // The version is in the address, so that an upgrade is seen at once and the rest is cached for good.
  app.get('/docs/:file{viewer-[0-9a-z.-]+}', async (c) => {
    if (c.req.param('file') !== `viewer-${await versionKnown}.js`) return c.notFound();
    c.header('Content-Type', 'text/javascript; charset=utf-8');
    c.header('Cache-Control', `public, max-age=${year}, immutable`);
    c.header('Vary', 'Accept-Encoding');
    if (!/\bgzip\b/.test(c.req.header('accept-encoding') ?? '')) {
      return c.body(Readable.toWeb(createReadStream(bundleUrl)) as ReadableStream);
    }
    // Four megabytes become one; done once per process.
    compressing ??= readFile(bundleUrl).then((bundle) => promisify(gzip)(bundle));
    c.header('Content-Encoding', 'gzip');
    return c.body(new Uint8Array(await compressing));
  });
  return app;
}

async function readVersion(): Promise<string> {
  const text = await readFile(new URL('package.json', packageUrl), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function renderReference(version: string, nonce: string) {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta property="csp-nonce" content="${nonce}" />
    <title>Coinlane API reference</title>
    <link rel="icon" href="data:," />
  </head>
  <body>
    <noscript>The reference needs JavaScript. The document itself is <a href="/openapi.json">openapi.json</a>.</noscript>
    <div id="reference"></div>
    <script nonce="${nonce}" src="/docs/viewer-${version}.js"></script>
    <script nonce="${nonce}">Scalar.createApiReference('#reference', ${raw(JSON.stringify(viewerSettings))});</script>
  </body>
</html>`;
}
