// An OpenID provider that logs anybody in and lies when told to: what tokens and answers an attacker could send us.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';

/** `none`: the truth. The other names say what is wrong. */
export type Lie =
  | 'none'
  | 'access denied'
  | 'foreign issuer parameter'
  | 'wrong nonce'
  | 'no nonce'
  | 'wrong audience'
  | 'wrong issuer'
  | 'expired'
  | 'forged signature'
  | 'algorithm none'
  | 'signed with the client secret'
  | 'no id token'
  | 'error'
  | 'redirect'
  | 'hang'
  | 'hang in the body'
  | 'huge'
  | 'garbage'
  | 'list';

export interface Person {
  sub: string;
  email?: string;
  email_verified?: boolean;
  name?: string;
}

export interface HostileProvider {
  url: string;
  /** Who logs in next. */
  person: Person;
  /** What is wrong with the logins that come. */
  lie: Lie;
  /** Requests for a token that came after a redirect of ours: each carried the client's secret. */
  followed: number;
  /** How often what it publishes about itself was read. */
  discoveries: number;
  close(): Promise<void>;
}

interface Grant {
  person: Person;
  nonce: string | null;
  challenge: string | null;
  clientId: string;
  redirectUri: string;
}

type Keys = Awaited<ReturnType<typeof makeKeys>>;

async function makeKeys() {
  const [own, forged] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('RS256')]);
  return { own, forged, jwk: { ...(await exportJWK(own.publicKey)), kid: 'own', alg: 'RS256', use: 'sig' } };
}

/** `clientSecret` is that of every client. Listens on `host` and `port`, by default on any free one of this machine. */
export async function startHostileProvider(
  clientSecret: string,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<HostileProvider> {
  const keys = await makeKeys();
  const grants = new Map<string, Grant>();
  const server = createServer((request, response) => {
    serve(provider, keys, grants, clientSecret, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const provider: HostileProvider = {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    person: { sub: 'nobody' },
    lie: 'none',
    followed: 0,
    discoveries: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return provider;
}

async function serve(
  provider: HostileProvider,
  keys: Keys,
  grants: Map<string, Grant>,
  secret: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', provider.url);
  if (url.pathname === '/.well-known/openid-configuration') {
    provider.discoveries += 1;
    return sendJson(response, 200, metadata(provider.url));
  }
  if (url.pathname === '/keys') return sendJson(response, 200, { keys: [keys.jwk] });
  if (url.pathname === '/authorize') return authorize(provider, grants, url.searchParams, response);
  if (url.pathname === '/token' || url.pathname === '/followed') {
    if (url.pathname === '/followed') provider.followed += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    return answerToken(provider, keys, grants, secret, form, response);
  }
  sendJson(response, 404, { error: 'not_found' });
}

/** Says that it would sign with nothing at all: a client that believes it takes unsigned tokens. */
const metadata = (url: string) => ({
  issuer: url,
  authorization_endpoint: `${url}/authorize`,
  token_endpoint: `${url}/token`,
  jwks_uri: `${url}/keys`,
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
});

function authorize(
  provider: HostileProvider,
  grants: Map<string, Grant>,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const redirectUri = query.get('redirect_uri') ?? '';
  const back = new URL(redirectUri);
  back.searchParams.set('state', query.get('state') ?? '');
  if (provider.lie === 'foreign issuer parameter') back.searchParams.set('iss', 'https://elsewhere.example');
  if (provider.lie === 'access denied') back.searchParams.set('error', 'access_denied');
  else {
    const code = randomBytes(16).toString('hex');
    back.searchParams.set('code', code);
    grants.set(code, {
      person: provider.person,
      nonce: query.get('nonce'),
      challenge: query.get('code_challenge_method') === 'S256' ? query.get('code_challenge') : null,
      clientId: query.get('client_id') ?? '',
      redirectUri,
    });
  }
  response.writeHead(302, { location: back.href }).end();
}

async function answerToken(
  provider: HostileProvider,
  keys: Keys,
  grants: Map<string, Grant>,
  secret: string,
  form: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const { lie } = provider;
  if (lie === 'redirect' && provider.followed === 0) {
    response.writeHead(307, { location: `${provider.url}/followed` }).end();
    return;
  }
  if (lie === 'hang') return;
  if (lie === 'hang in the body') {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"access_token":');
    return;
  }
  if (lie === 'garbage') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>busy</html>');
    return;
  }
  if (lie === 'list') return sendJson(response, 200, ['access_token']);
  const grant = grants.get(form.get('code') ?? '');
  grants.delete(form.get('code') ?? '');
  if (lie === 'error' || !grant || !isGood(grant, secret, form)) {
    return sendJson(response, 400, { error: 'invalid_grant' });
  }
  const answer = { access_token: randomBytes(16).toString('hex'), token_type: 'Bearer', expires_in: 3600 };
  const idToken = lie === 'no id token' ? {} : { id_token: await makeIdToken(provider, keys, grant, secret) };
  // All of it would be good but for its size.
  const padding = lie === 'huge' ? { padding: 'x'.repeat(1024 * 1024) } : {};
  sendJson(response, 200, { ...answer, ...idToken, ...padding });
}

function isGood(grant: Grant, secret: string, form: URLSearchParams): boolean {
  const digest = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url');
  return (
    form.get('client_id') === grant.clientId &&
    form.get('client_secret') === secret &&
    form.get('redirect_uri') === grant.redirectUri &&
    grant.challenge === digest
  );
}

async function makeIdToken(
  { url, lie }: HostileProvider,
  keys: Keys,
  { person, nonce, clientId }: Grant,
  secret: string,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...person,
    iss: lie === 'wrong issuer' ? 'https://elsewhere.example' : url,
    aud: lie === 'wrong audience' ? 'another-client' : clientId,
    iat: lie === 'expired' ? now - 7200 : now,
    exp: lie === 'expired' ? now - 3600 : now + 3600,
    ...(lie === 'no nonce' ? {} : { nonce: lie === 'wrong nonce' ? 'another-nonce' : nonce }),
  };
  if (lie === 'algorithm none') return new UnsecuredJWT(claims).encode();
  if (lie === 'signed with the client secret') {
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
  }
  const { privateKey } = lie === 'forged signature' ? keys.forged : keys.own;
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'own' }).sign(privateKey);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
