// A process that sends one mail, for tests that kill it in the middle.

import { processEmail } from '#workers/email.ts';
import { createMailer } from '#workers/mail/mailer.ts';
import { openTestServices } from './mail-ground.ts';

const { databaseUrl, smtpUrl, job } = JSON.parse(process.argv[2] ?? '');
const services = await openTestServices({ databaseUrl, smtpUrl });
const mailer = createMailer(services.config, services.log);
await processEmail({ ...services, mailer }, job);
await mailer.close();
await services.close();
