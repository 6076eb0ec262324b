// An event whose job is retried in Bull Board is really acted on again, whether it failed or was done.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { signatureHeader, signWebhook, webhookSecret } from '#api/sandbox/signature.ts';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, eventually, registerUser } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '#tests/support/system.ts';

let system: System | undefined;
afterEach(async () => {
  await system?.close();
  system = undefined;
});

interface Event {
  id: string;
  eventId: string;
  status: string;
  detail: string | null;
  attempts: number;
}

describe.each(backends)('with queues in $name', (backend) => {
  async function open() {
    system = await startSystem(`inbox-replay-${backend.name}`, { backend });
    const { url, services } = system;
    const tenant = await createTenant(url, uniqueSlug('inbox'));
    const inbox = `${url}/operator/tenants/${tenant.slug}/provider-events`;
    const events = async (): Promise<Event[]> =>
      (await call('GET', inbox, { token: operatorToken })).body.data;
    const eventIs = (what: string, isIt: (event: Event) => boolean) =>
      eventually(what, async () => (await events()).find(isIt));
    const jobOf = async (eventId: string, state: 'failed' | 'completed') =>
      eventually(`a ${state} job`, async () =>
        (await services.producer.queue('provider', 0).getJobs([state])).find(
          (job) => job.data.eventId === eventId,
        ),
      );
    const retry = async (jobId: string | undefined) => {
      const answer = await call('PUT', `${url}/operator/queues/api/queues/provider/${jobId}/retry`, {
        token: operatorToken,
      });
      expect(answer.status).toBe(204);
    };
    return { url, tenant, services, eventIs, jobOf, retry };
  }

  test('one that failed fails its job, which works once the cause is mended', async () => {
    const { url, tenant, services, eventIs, jobOf, retry } = await open();
    const raw = Buffer.from(
      JSON.stringify({ id: 'evt_new', type: 'a.new.form', data: 'of a later version' }),
    );
    const secret = webhookSecret(services.keyring, tenant.slug);
    await call('POST', `${url}/webhooks/sandbox/${tenant.slug}`, {
      body: raw.toString(),
      headers: { [signatureHeader]: signWebhook(secret, raw, Date.now()) },
    });
    const failed = await eventIs('the failure', (event) => event.status === 'failed');
    expect(failed).toMatchObject({ detail: 'its form is unknown', attempts: 1 });
    const job = await jobOf(failed.id, 'failed');
    expect(job.failedReason).toContain('its form is unknown');

    await retry(job.id);
    await eventIs('the second failure', (event) => event.status === 'failed' && event.attempts === 2);

    // What a newer version would do: understand it.
    const user = await registerUser(url, tenant);
    const bought = await call('POST', `${url}/wallet/buy`, {
      token: user.token,
      key: randomUUID(),
      wait: 10,
      body: { coins: 5, provider: 'sandbox' },
    });
    const ref = String(bought.body.checkoutUrl).split('/').at(-1);
    const known = JSON.stringify({ id: 'evt_new', type: 'checkout.paid', data: { object: 'checkout', ref } });
    await services.db.owner.query(`update coinlane.provider_events set body = $2 where id = $1`, [
      failed.id,
      Buffer.from(known),
    ]);
    await retry((await jobOf(failed.id, 'failed')).id);
    await eventIs('the success', (event) => event.id === failed.id && event.status === 'processed');
    await jobOf(failed.id, 'completed');
  });

  test('one that was done is looked at again, and nothing is granted twice', async () => {
    const { url, tenant, services, eventIs, jobOf, retry } = await open();
    const user = await registerUser(url, tenant);
    const bought = await call('POST', `${url}/wallet/buy`, {
      token: user.token,
      key: randomUUID(),
      wait: 10,
      body: { coins: 5, provider: 'sandbox' },
    });
    await call('POST', `${bought.body.checkoutUrl}/pay`);
    const done = await eventIs('the payment', (event) => event.status === 'processed');
    const looked = async () => {
      const { rows } = await services.db.owner.query<{ looked: number }>(
        `select looked from "tenant_${tenant.slug}".purchases`,
      );
      return rows[0]?.looked ?? 0;
    };
    const before = await looked();
    await retry((await jobOf(done.id, 'completed')).id);
    await eventually('another look at the provider', async () => (await looked()) > before);
    await eventIs('the second time', (event) => event.status === 'processed' && event.attempts === 2);
    expect((await call('GET', `${url}/wallet/balance`, { token: user.token })).body.balance).toBe(5);
  });
});
