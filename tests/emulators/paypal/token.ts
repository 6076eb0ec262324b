// PayPal's OAuth: a client's id and secret for a token, and a token for the account behind it.
import { Buffer } from 'node:buffer';
import type { EmulatorRequest } from '../kit/emulator-server.ts';
import { randomText } from '../kit/random-text.ts';
import { type Reply, refuse } from './reply.ts';
import type { Account, World } from './world.ts';

const tokenSeconds = 32_400;
const scope = [
  'https://uri.paypal.com/services/disputes/read-seller',
  'https://uri.paypal.com/services/payments/refund',
  'https://uri.paypal.com/services/reporting/search/read',
  'https://uri.paypal.com/services/applications/webhooks',
  'https://api-m.paypal.com/v1/payments/.*',
  'openid',
].join(' ');

/** POST /v1/oauth2/token with the client's credentials as Basic (RFC 6749, section 4.4). */
export function giveToken(world: World, request: EmulatorRequest): Reply {
  const [kind, encoded = ''] = (request.headers.authorization ?? '').split(' ');
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const account = kind?.toLowerCase() === 'basic' ? world.accounts.get(pair.slice(0, colon)) : undefined;
  if (account === undefined || account.clientSecret !== pair.slice(colon + 1)) {
    return {
      status: 401,
      headers: { 'www-authenticate': 'Basic' },
      body: { error: 'invalid_client', error_description: 'Client Authentication failed' },
    };
  }
  const grant = new URLSearchParams(request.body).get('grant_type');
  if (grant !== 'client_credentials') {
    const description = grant === null ? 'Grant Type is NULL' : 'unsupported grant_type';
    return { status: 400, body: { error: 'unsupported_grant_type', error_description: description } };
  }
  const token = `A21AA${randomText(92)}`;
  account.tokens.set(token, Date.now() + tokenSeconds * 1000);
  return {
    status: 200,
    body: {
      scope,
      access_token: token,
      token_type: 'Bearer',
      app_id: 'APP-80W284485P519543T',
      expires_in: tokenSeconds,
      nonce: `${new Date().toISOString()}${randomText(43)}`,
    },
  };
}

/** The account that a request's token belongs to, or PayPal's 401. */
export function accountOf(world: World, request: EmulatorRequest): Account | Reply {
  const { authorization } = request.headers;
  const token = /^bearer (.+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return refuse('AUTHENTICATION_FAILURE');
  for (const account of world.accounts.values()) {
    const endsAt = account.tokens.get(token);
    if (endsAt === undefined) continue;
    if (endsAt > Date.now()) return account;
    return invalidToken('The token passed in was not found in the system');
  }
  return invalidToken('Token signature verification failed');
}

function invalidToken(description: string): Reply {
  return {
    status: 401,
    headers: { 'www-authenticate': 'Bearer realm="PayPal", error="invalid_token"' },
    body: { error: 'invalid_token', error_description: description },
  };
}
