// A queue that loses its data loses no mail: the row brings the job back.
import { afterEach, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { createTenant, eventually, registerUser } from '#tests/support/client.ts';
import { withOwner } from '#tests/support/ledger-view.ts';
import { startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';

let system: System | undefined;
let smtp: TestSmtp | undefined;
afterEach(async () => {
  await system?.close();
  await smtp?.close();
});

describe.each(backends)('on $name', (backend) => {
  test('a mail whose job is gone is sent all the same, once', { timeout: 60_000 }, async () => {
    smtp = await startSmtp();
    // The first try is refused for now, so that the mail waits in the queue.
    smtp.turns.push({ refuse: 451, at: 'recipient' });
    system = await startSystem(`forgotten_${backend.name}`, { backend, settings: { SMTP_URL: smtp.url } });
    const { services, database, url } = system;
    const tenant = await createTenant(url, uniqueSlug('mail'));
    await registerUser(url, tenant);
    const rows = (text: string) => withOwner(database.url, async (client) => (await client.query(text)).rows);
    await eventually('the refused try', async () => {
      const [row] = await rows(`select status, attempts from coinlane.mails`);
      return row?.status === 'waiting' && row.attempts === 1;
    });
    await services.producer.queue('email', 0).obliterate({ force: true });
    // Time passes: the row is as old as a forgotten one.
    await rows(`update coinlane.mails set updated_at = now() - interval '1 minute'`);
    const mails = await smtp.received(1);
    expect(mails).toHaveLength(1);
    await eventually(
      'the record',
      async () => (await rows(`select status from coinlane.mails`))[0]?.status === 'sent',
    );
    await rows(`update coinlane.mails set updated_at = now() - interval '1 minute'`);
    await system.workers?.sweep.run();
    expect(smtp.mails).toHaveLength(1);
  });
});
