// Bull Board: every queue and job in a browser, for whoever the operator guard let through.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import { createMiddleware } from 'hono/factory';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { createRouter } from '../routes/router.ts';

export const queuesPath = '/operator/queues';

const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  // The board writes style attributes, which no nonce can allow.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Its page asks another host for fonts; ours works without the internet. */
const withoutForeignLinks = createMiddleware<ApiEnv>(async (c, next) => {
  await next();
  if (!c.res.headers.get('content-type')?.startsWith('text/html')) return;
  const page = (await c.res.text()).replaceAll(/<link[^>]*\shref="https?:[^>]*>/g, '');
  c.res = c.html(page, c.res.status as 200);
  c.header('Content-Security-Policy', contentPolicy);
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Referrer-Policy', 'same-origin');
});

/** Names of its files carry their hash. */
const cacheFiles = createMiddleware<ApiEnv>(async (c, next) => {
  await next();
  if (c.res.status === 200) c.header('Cache-Control', 'private, max-age=86400');
});

export function queueRoutes(deps: Pick<ApiDeps, 'producer' | 'config'>) {
  const adapter = new HonoAdapter(serveStatic);
  adapter.setBasePath(queuesPath);
  createBullBoard({
    queues: deps.producer.queues.map((queue) => {
      // Shards have queues of the same names: what tells them apart is their prefix.
      const prefix = deps.config.QUEUE_SHARDS > 1 ? `${queue.opts.prefix} ` : '';
      return new BullMQAdapter(queue, { prefix });
    }),
    serverAdapter: adapter,
    options: {
      uiBasePath: dirname(fileURLToPath(import.meta.resolve('@bull-board/ui/package.json'))),
      uiConfig: {
        boardTitle: 'Coinlane queues',
        miscLinks: [{ text: 'Console', url: '/operator/' }],
      },
    },
  });
  const app = createRouter();
  app.get(`${queuesPath}/`, (c) => c.redirect(queuesPath, 302));
  app.use(`${queuesPath}/static/*`, cacheFiles);
  app.use(`${queuesPath}/*`, withoutForeignLinks);
  app.route(queuesPath, adapter.registerPlugin());
  return app;
}
