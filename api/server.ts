// The API as a process of its own: opens it on the services, and closes it before them.
import { runProcess } from '#shared/boot/process.ts';
import { openApi } from './open.ts';

runProcess('api', { workers: false }, async (services, shutdown) => {
  const api = await openApi(services);
  shutdown.add('api', () => api.close());
  const server = await api.listen();
  shutdown.add('http', () => server.close());
});
