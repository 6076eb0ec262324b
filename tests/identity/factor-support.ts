// What the tests of second factors share: an authenticator app, and the way through a login in two halves.
import { Secret, TOTP } from 'otpauth';
import { call as request } from '#tests/support/client.ts';
import { type Answer, goodPassword, type Identity, type Registered, register, rowsOf } from './support.ts';

type Client = Pick<Identity, 'call' | 'deps'>;

/** What the app shows `steps` of 30 seconds from now. */
export function codeOf(secret: string, steps = 0): string {
  const totp = new TOTP({ secret: Secret.fromBase32(secret) });
  return totp.generate({ timestamp: Date.now() + steps * 30_000 });
}

/** Six digits that the app shows neither now nor around now. */
export function wrongCode(secret: string): string {
  const shown = new Set([-3, -2, -1, 0, 1, 2, 3].map((steps) => codeOf(secret, steps)));
  return ['111111', '222222', '333333', '444444', '555555', '666666', '777777', '888888'].find(
    (code) => !shown.has(code),
  ) as string;
}

/** Lets the code of this moment be used once more, as if half a minute had passed. */
export async function forgetCodes(identity: Client, tenant = 'acme'): Promise<void> {
  await rowsOf(identity, `update "tenant_${tenant}".factors set counter = -1 where kind = 'totp'`);
}

interface Guarded extends Registered {
  secret: string;
  recoveryCodes: string[];
}

/** Registers a user and sets up an authenticator app; the code of this moment is still unused. */
export async function registerGuarded(identity: Client, tenant = 'acme'): Promise<Guarded> {
  const user = await register(identity, tenant);
  const bearer = user.accessToken;
  const { secret } = (await identity.call('POST', '/second-factor/totp', { bearer })).body;
  const confirmed = await confirmTotp(identity, user, codeOf(secret));
  if (confirmed.status !== 200) throw new Error(`not confirmed: ${confirmed.text}`);
  await forgetCodes(identity, tenant);
  return { ...user, secret, recoveryCodes: confirmed.body.recoveryCodes };
}

export const confirmTotp = ({ call }: Client, { accessToken }: Registered, code: string): Promise<Answer> =>
  call('POST', '/second-factor/totp/confirm', { bearer: accessToken, body: { code } });

export const logIn = ({ call }: Client, email: string, tenant = 'acme', password = goodPassword) =>
  call('POST', '/login', { tenant, body: { email, password } });

/** The challenge that a login with the right password is answered with. */
export async function challengeOf(identity: Client, email: string, tenant = 'acme'): Promise<string> {
  const answer = await logIn(identity, email, tenant);
  if (answer.body.code !== 'second_factor_required') throw new Error(`not challenged: ${answer.text}`);
  return answer.body.challenge;
}

export const finish = ({ call }: Client, challenge: string, code: string, tenant?: string): Promise<Answer> =>
  call('POST', '/login/second-factor', { tenant, body: { challenge, code } });

/** How the owner of an account heard of it: [action, detail] of the audit, and the data of the mails. */
export async function newsOf(identity: Pick<Identity, 'deps'>, userId: string) {
  const audit = await rowsOf(
    identity,
    `select action, actor, detail from coinlane.audit where target = $1 and action like 'user.%' order by id`,
    [userId],
  );
  const mails = await rowsOf(
    identity,
    `select (data->'job'->'data') - 'at' as data from pgboss.job where data->'job'->>'userId' = $1
       and data->'job'->>'template' = 'second_factor_changed' order by created_on`,
    [userId],
  );
  return { audit, mails: mails.map((row) => row.data) };
}

/** Over a socket: sets up an authenticator app for the user of an access token. @returns its secret */
export async function setUpTotp(url: string, token: string): Promise<string> {
  const { secret } = (await request('POST', `${url}/second-factor/totp`, { token })).body;
  const body = { code: codeOf(secret) };
  const confirmed = await request('POST', `${url}/second-factor/totp/confirm`, { token, body });
  if (confirmed.status !== 200) throw new Error(`not confirmed: ${confirmed.status}`);
  return secret;
}
