// A small port on which a workers' process answers Prometheus and health probes.
import { createServer } from 'node:http';
import type { Services } from '#shared/boot/services.ts';

/** Listens on HOST and `port`; 0 picks a free one. */
export async function serveMetrics(
  { metrics, config, log }: Services,
  port: number,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.url === '/health') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
    } else if (request.url === '/metrics') {
      metrics.registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, config.HOST, resolve);
  });
  const address = server.address();
  const actual = typeof address === 'object' && address ? address.port : port;
  log.info({ port: actual }, 'metrics are served');
  return { port: actual, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
