// The console's pages of webhooks: an operator makes an endpoint, tests it, reads its log and sends things again.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { createTenant, eventually } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { startTenantServer, type TenantServer } from './tenant-server.ts';

let system: System;
let server: TenantServer;
let cookie: string;
let base: string;
beforeAll(async () => {
  const settings = { WEBHOOK_ALLOW_LOOPBACK: 'true' };
  system = await startSystem('webhooks-console', { backend: backends[0] as TestBackend, settings });
  server = await startTenantServer();
  const { slug } = await createTenant(system.url, uniqueSlug('shown'));
  base = `/operator/console/tenants/${slug}/webhook-endpoints`;
  const login = await submit('/operator/login', { token: operatorToken });
  cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
});
afterAll(async () => {
  await server?.close();
  await system?.close();
});

function submit(path: string, fields: Record<string, string> | [string, string][]): Promise<Response> {
  return fetch(system.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: system.url, ...(cookie ? { cookie } : {}) },
    body: new URLSearchParams(fields),
  });
}
const visit = async (path: string) =>
  (await fetch(system.url + path, { headers: { cookie, accept: 'text/html' } })).text();

test('an operator makes an endpoint, tests it, sees what came of it, and sends it again', async () => {
  expect(await visit(base)).toContain('Nobody is told of anything yet.');
  const made = await submit(base, [
    ['url', server.url],
    ['description', 'The <game>'],
    ['eventTypes', 'entry.posted'],
    ['eventTypes', 'operation.applied'],
  ]);
  expect(made.status).toBe(201);
  const page = await made.text();
  const secret = /value="(whsec_[^"]+)"/.exec(page)?.[1] ?? '';
  expect(page).toContain('The &lt;game&gt;');
  expect(await visit(base)).not.toContain('whsec_');
  const endpoint = /webhook-endpoints\/([0-9a-f-]{36})"/.exec(page)?.[1] ?? '';
  const path = `${base}/${endpoint}`;
  expect(await visit(path)).toContain('There is none.');

  const tested = await submit(`${path}/test`, {});
  expect([tested.status, tested.headers.get('location')]).toEqual([303, `${path}?done=sent`]);
  await eventually('the test event', async () => server.received.length === 1);
  expect(server.verified(secret)).toMatchObject([{ type: 'webhook.test' }]);
  const log = await eventually('the log', async () => {
    const text = await visit(`${path}?status=delivered`);
    return text.includes('webhook.test</a>') && text;
  });
  const delivery = /deliveries\/([0-9a-f-]{36})"/.exec(log)?.[1] ?? '';
  const shown = await visit(`${path}/deliveries/${delivery}`);
  expect(shown).toContain('msg_');
  expect(shown).toContain('This is a test. Nothing has happened.');
  const again = await submit(`${path}/deliveries/${delivery}/replay`, {});
  expect(again.headers.get('location')).toBe(`${path}/deliveries/${delivery}?done=sent`);
  await eventually('the replay', async () => server.received.length === 2);

  const rotated = await submit(`${path}/rotate`, { overlapSeconds: '86400' });
  expect(await rotated.text()).toMatch(/value="whsec_/);
  expect((await submit(`${path}/replay`, {})).status).toBe(303);
  expect((await submit(`${path}/change`, { status: 'disabled' })).headers.get('location')).toContain(
    'changed',
  );
  const disabled = await visit(path);
  expect(disabled).toContain('by hand');
  expect(disabled).not.toContain('Send a test');
  expect((await submit(`${path}/change`, { status: 'enabled' })).status).toBe(303);
  expect((await submit(`${path}/delete`, {})).headers.get('location')).toBe(`${base}?done=deleted`);
  expect((await fetch(system.url + path, { headers: { cookie } })).status).toBe(404);
});

test('what is refused is a page that says why', async () => {
  const answer = await submit(base, { url: 'http://10.0.0.1/' });
  expect([answer.status, await answer.text()]).toEqual([
    422,
    expect.stringContaining('must be a public address'),
  ]);
  expect((await submit(`${base}/x/test`, {})).status).toBe(404);
});
