// The limit of HTTP here: Hono on its Node server, reading JSON and answering JSON, and nothing behind it.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const app = new Hono();
app.post('/wallet/spend', async (c) => {
  const { amount } = await c.req.json<{ amount: number }>();
  return c.json({ id: c.req.header('idempotency-key'), kind: 'spend', status: 'accepted', amount }, 202);
});

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => {
  console.log(JSON.stringify({ port }));
});
process.once('SIGTERM', () => server.close(() => process.exit(0)));
