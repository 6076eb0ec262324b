// What the tests of mail flows share: the whole product with a real mail server, and the links that arrive.
import { backends } from '#tests/support/backends.ts';
import { type Answer, call, createTenant, type TestTenant, type TestUser } from '#tests/support/client.ts';
import { withOwner } from '#tests/support/ledger-view.ts';
import { type ReceivedMail, startSmtp } from '#tests/support/smtp.ts';
import { startSystem, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

const publicUrl = 'https://coins.example';
/** What `registerUser` registers with, and what comes after it. */
export const oldPassword = 'correct horse battery';
export const newPassword = 'another battery, another staple';

export async function openMailFlow(name: string) {
  const [backend] = backends;
  if (!backend) throw new Error('there is no backend');
  const smtp = await startSmtp();
  const settings = { SMTP_URL: smtp.url, PUBLIC_URL: publicUrl };
  const system = await startSystem(name, { backend, settings });
  const { url, database } = system;
  return {
    ...system,
    smtp,
    addTenant: (more: object = {}): Promise<TestTenant> => createTenant(url, uniqueSlug(), more),
    post: (path: string, options: Parameters<typeof call>[2] = {}): Promise<Answer> =>
      call('POST', url + path, { body: {}, ...options }),
    get: (path: string, options: Parameters<typeof call>[2] = {}): Promise<Answer> =>
      call('GET', url + path, options),
    logIn: (tenant: TestTenant, email: string, password: string): Promise<Answer> =>
      call('POST', `${url}/login`, { tenant: tenant.slug, body: { email, password } }),
    /** A page's button, as a browser without script presses it. */
    press: (path: string, fields: Record<string, string>): Promise<Answer> =>
      call('POST', url + path, {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(fields).toString(),
      }),
    async status(user: Pick<TestUser, 'token'>): Promise<number> {
      return (await call('GET', `${url}/profile`, { token: user.token })).status;
    },
    /** The mails to an address with such a subject, once there are `count`. */
    mailsTo: (address: string, subject: RegExp, count = 1): Promise<ReceivedMail[]> =>
      until(`${count} mails "${subject.source}"`, () => {
        const found = mailsOf(smtp.mails, address, subject);
        return found.length >= count ? found : undefined;
      }),
    mailCount: (address: string, subject: RegExp) => mailsOf(smtp.mails, address, subject).length,
    // biome-ignore lint/suspicious/noExplicitAny: tests look into rows of many shapes
    rows: (text: string, values: unknown[] = []): Promise<any[]> =>
      withOwner(database.url, async (client) => (await client.query(text, values)).rows),
    /** Until the mail of every event that was caused so far was handled, sent or not. */
    settled: () =>
      until('all mails to be handled', async () => {
        const [left] = await withOwner(database.url, async (client) => {
          const open = `select (select count(*) from pgboss.job where state <> 'completed')
            + (select count(*) from coinlane.mails where status in ('waiting', 'sending')) as count`;
          return (await client.query<{ count: string }>(open)).rows;
        });
        return Number(left?.count) === 0;
      }),
    async close() {
      await system.close();
      await smtp.close();
    },
  };
}

export type MailFlow = Awaited<ReturnType<typeof openMailFlow>>;

function mailsOf(mails: ReceivedMail[], address: string, subject: RegExp): ReceivedMail[] {
  return mails.filter((mail) => mail.recipients.includes(address) && subject.test(mail.subject ?? ''));
}

/** The link of a mail; its text and its HTML have the same one, and no other. */
export function linkOf(mail: ReceivedMail): { page: string; token: string } {
  const inText = new Set(mail.text?.match(/https?:\/\/\S+/g));
  const inHtml = new Set([...String(mail.html).matchAll(/href="([^"]+)"/g)].map(([, href]) => href));
  const [link] = inText;
  if (link === undefined || inText.size !== 1 || inHtml.size !== 1 || !inHtml.has(link)) {
    throw new Error(`not one link: ${[...inText, ...inHtml].join(' ')}`);
  }
  if (!link.startsWith(`${publicUrl}/`)) throw new Error(`a link of somebody else: ${link}`);
  const { pathname, searchParams } = new URL(link);
  return { page: pathname, token: searchParams.get('token') ?? '' };
}

/** All that a caller can tell two answers apart by, but for the time. */
export function visible({ status, headers, body }: Answer) {
  const own = new Set(['date', 'x-request-id', 'ratelimit', 'ratelimit-policy']);
  const rest = [...headers].filter(([name]) => !own.has(name)).sort();
  return { status, headers: rest, body: { ...body, requestId: undefined } };
}
