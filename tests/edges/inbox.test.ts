// The provider inbox as operators use it, by API and in the console: read, narrowed, and opened again.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertProviderEvent, setProviderEvent } from '#shared/db/provider-events.ts';
import { newId } from '#shared/runtime/ids.ts';
import { consoleCookie, type EdgeApp, openEdgeApp, origin } from './edge-app.ts';

let app: EdgeApp;
let cookie: string;
beforeAll(async () => {
  app = await openEdgeApp('inbox');
  for (const slug of ['acme', 'other', 'empty']) {
    await app.call('POST', '/operator/tenants', { json: { slug, name: slug } });
  }
  cookie = await consoleCookie(app);
});
afterAll(() => app?.close());

interface Event {
  id: string;
  eventId: string;
  status: string;
  detail: string | null;
  attempts: number;
  body: string;
  headers: Record<string, string>;
}
const body = async <T>(answer: Promise<Response>): Promise<[number, T]> => {
  const got = await answer;
  return [got.status, (await got.json()) as T];
};
const list = (query = '', slug = 'acme') =>
  body<{ data: Event[]; nextCursor: string | null; hasMore: boolean; code?: string }>(
    app.call('GET', `/operator/tenants/${slug}/provider-events${query}`),
  );
const visit = (path: string) =>
  app.call('GET', path, { token: null, headers: { cookie, accept: 'text/html' } });
const submit = (path: string) =>
  app.call('POST', path, { token: null, headers: { cookie, origin }, body: new URLSearchParams() });

async function store(
  tenant: string,
  { provider = 'stripe', text = '{"id":"x"}', kind = 'charge.refunded' } = {},
): Promise<string> {
  const id = newId();
  const event = {
    id,
    provider,
    tenant,
    eventId: `evt_${id}`,
    kind,
    headers: { 'stripe-signature': 't=1,v1=2' },
  };
  await insertProviderEvent(app.services.db.app, { ...event, body: Buffer.from(text) });
  return id;
}
const close = (id: string, status: 'failed' | 'processed' | 'forged', detail: string | null = null) =>
  setProviderEvent(app.services.db.app, id, { status, detail });
const jobsOf = async (eventId: string) =>
  (await app.services.producer.queue('provider', 0).getJobs(['waiting', 'prioritized', 'delayed'])).filter(
    (job) => job.data.eventId === eventId,
  );

describe('the list', () => {
  test('shows the newest first, page by page, each event once', async () => {
    const made: string[] = [];
    for (let i = 0; i < 7; i += 1) made.push(await store('acme'));
    await store('other');
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const [status, page] = await list(`?limit=3${cursor ? `&cursor=${cursor}` : ''}`);
      expect(status).toBe(200);
      seen.push(...page.data.map((event) => event.id));
      expect(page.hasMore).toBe(page.nextCursor !== null);
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen).toEqual(made.toReversed());
  });

  test('is narrowed by status and provider', async () => {
    const failed = await store('acme', { provider: 'paypal' });
    await close(failed, 'failed', 'the provider is not configured');
    const [, byStatus] = await list('?status=failed');
    expect(byStatus.data).toMatchObject([
      { id: failed, status: 'failed', detail: 'the provider is not configured', attempts: 1 },
    ]);
    expect((await list('?provider=paypal'))[1].data.map((event) => event.id)).toEqual([failed]);
    expect((await list('?status=failed&provider=stripe'))[1].data).toEqual([]);
  });

  test.each(['?status=odd', '?provider=bank', '?limit=0', '?limit=101', '?cursor=1'])(
    'asked with %s is invalid',
    async (query) => {
      const [status, problem] = await list(query);
      expect([status, problem.code]).toEqual([422, 'invalid_input']);
    },
  );

  test('of no tenant is 404, and nobody but the operator reads one', async () => {
    expect((await list('', 'nobody'))[0]).toBe(404);
    const answer = await app.call('GET', '/operator/tenants/acme/provider-events', { token: 'sk_acme_x' });
    expect(answer.status).toBe(401);
  });
});

describe('one event', () => {
  test('is shown as it came, to its own tenant only', async () => {
    const text = '{ "id": "é",\n "amount": 10.00 }';
    const id = await store('acme', { text });
    const path = (slug: string) => `/operator/tenants/${slug}/provider-events/${id}`;
    const [status, event] = await body<Event>(app.call('GET', path('acme')));
    expect(status).toBe(200);
    expect(event).toMatchObject({ id, body: text, headers: { 'stripe-signature': 't=1,v1=2' } });
    expect((await app.call('GET', path('other'))).status).toBe(404);
    expect((await app.call('POST', `${path('other')}/replay`)).status).toBe(404);
    expect((await app.call('GET', '/operator/tenants/acme/provider-events/nonsense')).status).toBe(404);
  });

  test('a replay answers with what it opened, however soon a worker has acted on it', async () => {
    const id = await store('acme');
    await close(id, 'failed', 'no answer');
    const { producer } = app.services;
    const { addProvider } = producer;
    producer.addProvider = async () => void (await close(id, 'processed'));
    try {
      const path = `/operator/tenants/acme/provider-events/${id}/replay`;
      const [status, event] = await body<Event>(app.call('POST', path));
      expect([status, event.status]).toEqual([202, 'received']);
    } finally {
      producer.addProvider = addProvider;
    }
  });

  test('is opened again, given a job of its own, and the audit says by whom', async () => {
    const id = await store('acme');
    await close(id, 'processed');
    const path = `/operator/tenants/acme/provider-events/${id}`;
    const [status, event] = await body<Event>(app.call('POST', `${path}/replay`));
    expect([status, event.status]).toEqual([202, 'received']);
    expect(await jobsOf(id)).toHaveLength(1);
    expect((await app.call('POST', `${path}/replay`)).status).toBe(202);
    expect(await jobsOf(id)).toHaveLength(2);
    const audit = await app.services.db.owner.query(
      `select actor, action, detail->>'was' as was from coinlane.audit where target = $1 order by id`,
      [id],
    );
    expect(audit.rows).toEqual([
      { actor: 'operator:token', action: 'provider_event.replay', was: 'processed' },
      { actor: 'operator:token', action: 'provider_event.replay', was: 'received' },
    ]);
  });
});

describe('the console', () => {
  const inbox = '/operator/console/tenants/acme/provider-events';

  test('says that nothing came yet, and that nothing is like that', async () => {
    const page = await (await visit('/operator/console/tenants/empty/provider-events')).text();
    expect(page).toContain('No provider has sent anything yet.');
    const narrowed = await (
      await visit('/operator/console/tenants/empty/provider-events?status=failed')
    ).text();
    expect(narrowed).toContain('No event is like that.');
  });

  test('shows why an event failed, and its body as text that does nothing', async () => {
    const id = await store('acme', {
      kind: 'odd <b>kind</b>',
      text: '{"a":"</pre><script>alert(1)</script>"}',
    });
    await close(id, 'failed', 'its form is unknown');
    const table = await (await visit(`${inbox}?status=failed`)).text();
    expect(table).toContain('its form is unknown');
    expect(table).toContain('odd &lt;b&gt;kind&lt;/b&gt;');
    const answer = await visit(`${inbox}/${id}`);
    const page = await answer.text();
    expect(page).toContain('&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toContain('<script>alert');
    expect(answer.headers.get('content-security-policy')).toContain("script-src 'none'");
  });

  test('replays at a press of the button, for a page of our own only', async () => {
    const id = await store('acme');
    await close(id, 'failed', 'x');
    const answer = await submit(`${inbox}/${id}/replay`);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${inbox}/${id}?done=replayed`]);
    expect(await (await visit(`${inbox}/${id}?done=replayed`)).text()).toContain('The event is open again');
    expect(await jobsOf(id)).toHaveLength(1);
    const foreign = await app.call('POST', `${inbox}/${id}/replay`, {
      token: null,
      headers: { cookie, origin: 'https://evil.test' },
    });
    expect(foreign.status).toBe(403);
  });

  test('shows a refusal as a page', async () => {
    for (const path of [`${inbox}/${newId()}`, '/operator/console/tenants/nobody/provider-events']) {
      const answer = await visit(path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/html; charset=UTF-8']);
      expect(await answer.text()).toContain('role="alert"');
    }
    expect((await visit(`${inbox}?status=odd`)).status).toBe(422);
  });
});
