// Shows an operator which address a request has here: the check of TRUSTED_PROXIES from outside.
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { networkOf } from '../middleware/address.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';

const addressRoute = createRoute({
  method: 'get',
  path: '/operator/address',
  tags: ['Operator'],
  security: [{ operator: [] }],
  summary: 'The address that this request comes from',
  description:
    'After trusted proxies. Behind a proxy it must be your own address and not that of the proxy: otherwise ' +
    'set `TRUSTED_PROXIES`, because rate limits and IP rules go by it.',
  responses: {
    200: {
      description: 'As rate limits and IP rules see it',
      content: {
        'application/json': {
          schema: z.object({
            address: z.string().openapi({ example: '203.0.113.7' }),
            network: z.string().openapi({
              description: 'What rates count: the address, or its /64 where it is IPv6',
              example: '203.0.113.7',
            }),
            trustedProxies: z.array(z.string()).openapi({ description: '`TRUSTED_PROXIES` of this process' }),
          }),
        },
      },
    },
    401: problemAnswer('unauthenticated'),
  },
});

export function addressRoutes({ config }: Pick<ApiDeps, 'config'>) {
  const app = createRouter();
  app.openapi(addressRoute, (c) => {
    const address = c.get('address');
    return c.json({ address, network: networkOf(address), trustedProxies: config.TRUSTED_PROXIES }, 200);
  });
  return app;
}
