// Lines 25 and 26: what a stranger who asks for a mail can make of it, and how often.
import { randomUUID } from 'node:crypto';
import type { Ground } from './ground.ts';
import { newEmail } from './ground.ts';
import type { Answer } from './http.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';
import { comparable } from './login-times.ts';
import { askForReset, forgot, link, linkOf } from './mail-links.ts';

async function forgedHost(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const { email } = await ground.newUser(tenant);
  const honest = await askForReset(ground, tenant, email);
  const evil = 'evil.attack.example';
  const forgeries: Record<string, string>[] = [
    { host: evil },
    { 'x-forwarded-host': evil, 'x-forwarded-proto': 'https', 'x-forwarded-server': evil },
    {
      forwarded: `host=${evil};proto=https`,
      'x-original-host': evil,
      origin: `https://${evil}`,
      referer: `https://${evil}/`,
    },
  ];
  const seen = [honest];
  for (const headers of forgeries) {
    const answer = await forgot(ground, tenant, email, { headers });
    expectAnswer(`asking with ${Object.keys(headers)[0]}`, answer, 202);
    const forged = await link(ground, email, 'reset-password', seen);
    expectSame('the start of the link', forged.split('token=')[0], honest.split('token=')[0]);
    seen.push(forged);
  }
  for (const mail of await ground.mailbox.mailsTo(email)) {
    const all = JSON.stringify([mail.subject, mail.text, mail.html, mail.headers]);
    expectThat('the mails', !all.includes(evil), 'nothing of the forged host', 'its name');
  }
  return `links begin with ${new URL(honest).origin}, whatever Host and X-Forwarded-Host say`;
}

const resetMailsMax = 5;

async function hundredResets(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const { email } = await ground.newUser(tenant);
  const nobody = newEmail('nobody');
  const answers: Answer[] = [];
  const id = randomUUID();
  for (let round = 0; round < 10; round += 1) {
    const ask = (address: string) =>
      forgot(ground, tenant, address, { from: ground.newAddress(), headers: { 'x-request-id': id } });
    answers.push(...(await Promise.all(Array.from({ length: 10 }, () => ask(email)))), await ask(nobody));
  }
  for (const answer of answers) expectAnswer('one of 100 requests', answer, 202);
  expectSame(
    'different answers',
    new Set(answers.map((answer) => JSON.stringify(comparable(answer)))).size,
    1,
  );
  const count = async () =>
    (await ground.mailbox.mailsTo(email)).filter(({ text }) => linkOf('reset-password', text)).length;
  await ground.poll(async () => (await count()) > 0);
  // A mail that is asked for after them: when it is there, those before it are too.
  const { email: witness } = await ground.newUser(tenant);
  await askForReset(ground, tenant, witness);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const mails = await count();
  expectThat(
    'mails that the victim got',
    mails >= 1 && mails <= resetMailsMax,
    `1 to ${resetMailsMax}`,
    mails,
  );
  return `100 requests, ${mails} mails, one answer, also for an address without an account`;
}

export const mailRequestLines: Attack[] = [
  { number: 25, title: 'a forged Host in the links of mails', needs: ['mails'], run: forgedHost },
  { number: 26, title: '100 resets for one victim', needs: ['mails'], run: hundredResets },
];
