// The document is valid OpenAPI 3.1 and says what the routes do; its page and ours load nothing from elsewhere.

import { gunzipSync } from 'node:zlib';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EdgeApp, openEdgeApp } from './edge-app.ts';

let app: EdgeApp;
beforeAll(async () => {
  app = await openEdgeApp('documentation');
  await app.call('POST', '/operator/tenants', {
    json: {
      slug: 'acme',
      name: 'Acme </script><script>alert(1)</script>',
      settings: { packs: [{ id: 'p', name: 'P', coins: 5, price: 5 }] },
    },
  });
});
afterAll(() => app?.close());

const open = (path: string, headers: Record<string, string> = {}) =>
  app.call('GET', path, { token: null, headers });

interface Document {
  openapi: string;
  tags: { name: string }[];
  components: {
    securitySchemes: object;
    schemas: Record<string, { required: string[] }>;
  };
  paths: Record<string, Record<string, Documented>>;
}

interface Documented {
  requestBody?: { content: Record<string, { schema: { additionalProperties: boolean } }> };
  tags?: string[];
  summary?: string;
  responses: Record<string, unknown>;
}

describe('openapi.json', () => {
  test('is a valid OpenAPI 3.1 document', async () => {
    const answer = await open('/openapi.json');
    expect(answer.headers.get('content-type')).toBe('application/json');
    const document = (await answer.json()) as unknown as Document;
    expect(document.openapi).toBe('3.1.0');
    const result = await new Validator().validate(structuredClone({ ...document }));
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
  });

  test('names the three kinds of bearer, the problem of every route, and the operator routes', async () => {
    const document = (await (await open('/openapi.json')).json()) as unknown as Document;
    expect(Object.keys(document.components.securitySchemes).sort()).toEqual(['operator', 'platform', 'user']);
    expect(document.components.schemas.Problem?.required).toEqual(
      expect.arrayContaining(['type', 'title', 'status', 'code']),
    );
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        expect(operation.responses.default, `${method} ${path}`).toEqual({
          $ref: '#/components/responses/Problem',
        });
        expect(operation.tags?.length, `${method} ${path} has a tag`).toBe(1);
        expect(operation.summary, `${method} ${path} has a summary`).toBeTruthy();
        const known = document.tags.map((tag) => tag.name);
        expect(known).toContain(operation.tags?.[0]);
      }
    }
    const operator = document.paths['/operator/tenants']?.post;
    expect(operator).toMatchObject({ tags: ['Operator'], security: [{ operator: [] }] });
    expect(operator?.requestBody?.content['application/json']?.schema.additionalProperties).toBe(false);
  });
});

/** Whatever a page would load, post to or go to on another host. */
const foreign = /(?:src|href|action)\s*=\s*["']?(?:https?:)?\/\/|@import|url\(/i;

describe('the pages', () => {
  test.each(['/', '/docs', '/w/acme', '/w/nobody', '/operator/login'])(
    '%s names no other host',
    async (path) => {
      const answer = await open(path);
      expect(await answer.text()).not.toMatch(foreign);
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    },
  );

  test('the reference comes with its viewer, whole or packed, for good', async () => {
    const page = await (await open('/docs')).text();
    const src = /src="(\/docs\/viewer-[^"]+)"/.exec(page)?.[1] ?? '';
    const whole = await open(src);
    expect([whole.status, whole.headers.get('content-type')]).toEqual([
      200,
      'text/javascript; charset=utf-8',
    ]);
    expect(whole.headers.get('cache-control')).toContain('immutable');
    const text = await whole.text();
    expect(text.length).toBeGreaterThan(1_000_000);
    const packed = await open(src, { 'accept-encoding': 'br, gzip' });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    const bytes = Buffer.from(await packed.arrayBuffer());
    expect(bytes.length).toBeLessThan(text.length / 2);
    expect(gunzipSync(bytes).toString() === text).toBe(true);
    expect((await open('/docs/viewer-0.0.0.js')).status).toBe(404);
    expect((await open('/docs/viewer-..%2f..%2fpackage.json.js')).status).toBe(404);
  });

  test('the wallet takes a name of a tenant as text, and its script is served', async () => {
    const page = await (await open('/w/acme')).text();
    expect(page).not.toContain('<script>alert');
    const src = /<script type="module" nonce="[^"]+" src="([^"]+)"/.exec(page)?.[1] ?? '';
    for (const name of ['wallet-client.js', 'wallet-api.js', 'wallet-words.js']) {
      const answer = await open(src.replace('wallet-client.js', name));
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        200,
        'text/javascript; charset=utf-8',
      ]);
      expect(await answer.text()).not.toMatch(foreign);
    }
    expect((await open('/assets/000000000000/wallet-client.js')).status).toBe(404);
    expect((await open(src.replace('wallet-client.js', 'wallet.ts'))).status).toBe(404);
  });

  test('the start page leads to the wallet that one names', async () => {
    const answer = await open('/w?tenant=%20ACME');
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/w/acme']);
    expect((await open('/w/nobody')).status).toBe(404);
    expect((await open('/w/%00')).status).toBe(404);
  });
});
