// The workers' process, with a port for health and metrics when one is set.
import { runProcess } from '#shared/boot/process.ts';
import { serveMetrics } from './metrics-server.ts';
import { openWorkers } from './open.ts';

runProcess('workers', { workers: true }, async (services, shutdown) => {
  const workers = await openWorkers(services);
  shutdown.add('workers', () => workers.close());
  const { METRICS_PORT } = services.config;
  if (METRICS_PORT !== undefined) {
    const server = await serveMetrics(services, METRICS_PORT);
    shutdown.add('metrics', () => server.close());
  }
});
