// Where the clients are fetched; like the document that they are made of, open to everybody.
import { createRouter } from '../routes/router.ts';
import { openClients } from './served.ts';

/** `documentText` is the OpenAPI document as it is served. */
export function clientRoutes(documentText: () => string) {
  const app = createRouter();
  const clientIn = openClients(documentText);
  app.get('/clients/:file', (c) => {
    const client = clientIn(c.req.param('file'));
    if (!client) return c.notFound();
    const { text, type, etag } = client;
    c.header('ETag', etag);
    c.header('Cache-Control', 'no-cache');
    c.header('X-Content-Type-Options', 'nosniff');
    const known = c.req.header('if-none-match')?.split(',') ?? [];
    if (known.some((each) => each.trim().replace(/^W\//, '') === etag)) return c.body(null, 304);
    return c.body(text, 200, { 'Content-Type': type });
  });
  return app;
}
