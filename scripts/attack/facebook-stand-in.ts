// Facebook as far as a login needs it, and as strict: PKCE, the app's secret, and the proof of it at the Graph.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FacebookPerson {
  id: string;
  name?: string;
  email?: string;
}

export interface FacebookStandIn {
  /** Both the dialog and the Graph. */
  url: string;
  /** Who logs in next. */
  person: FacebookPerson;
  close(): Promise<void>;
}

interface Grant {
  person: FacebookPerson;
  challenge: string | null;
  clientId: string;
  redirectUri: string;
}

interface Reply {
  status: number;
  body?: unknown;
  location?: string;
}

/** `appSecret` is that of every app. */
export async function startFacebook(
  appSecret: string,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<FacebookStandIn> {
  const grants = new Map<string, Grant>();
  const tokens = new Map<string, FacebookPerson>();
  const server = createServer((request, response) => {
    answer(request)
      .catch((): Reply => ({ status: 500 }))
      .then(({ status, body, location }) => {
        const headers = { 'content-type': 'application/json', ...(location ? { location } : {}) };
        response.writeHead(status, headers).end(body === undefined ? '' : JSON.stringify(body));
      });
  });
  const refuse = (message: string): Reply => ({
    status: 400,
    body: { error: { message, type: 'OAuthException', code: 100 } },
  });

  async function answer(request: IncomingMessage): Promise<Reply> {
    const url = new URL(request.url ?? '/', facebook.url);
    if (url.pathname === '/v23.0/dialog/oauth') return openDialog(url.searchParams);
    if (url.pathname === '/v23.0/oauth/access_token') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      return exchange(new URLSearchParams(Buffer.concat(chunks).toString()));
    }
    if (url.pathname === '/v23.0/me')
      return readPerson(url.searchParams, request.headers.authorization ?? '');
    return { status: 404, body: { error: { message: 'unknown path' } } };
  }

  function openDialog(query: URLSearchParams): Reply {
    const redirectUri = query.get('redirect_uri') ?? '';
    const code = randomBytes(16).toString('hex');
    grants.set(code, {
      person: facebook.person,
      challenge: query.get('code_challenge_method') === 'S256' ? query.get('code_challenge') : null,
      clientId: query.get('client_id') ?? '',
      redirectUri,
    });
    const back = new URL(redirectUri);
    back.search = new URLSearchParams({ code, state: query.get('state') ?? '' }).toString();
    return { status: 302, location: back.href };
  }

  function exchange(form: URLSearchParams): Reply {
    const grant = grants.get(form.get('code') ?? '');
    grants.delete(form.get('code') ?? '');
    const digest = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const isGood =
      grant?.challenge === digest &&
      form.get('client_id') === grant.clientId &&
      form.get('client_secret') === appSecret &&
      form.get('redirect_uri') === grant.redirectUri;
    if (!isGood) return refuse('This authorization code has been used, or is not yours.');
    const token = randomBytes(16).toString('hex');
    tokens.set(token, grant.person);
    return { status: 200, body: { access_token: token, token_type: 'bearer', expires_in: 5_183_944 } };
  }

  function readPerson(query: URLSearchParams, authorization: string): Reply {
    const token = /^bearer (.+)$/i.exec(authorization)?.[1] ?? '';
    const person = tokens.get(token);
    if (!person) return { status: 401, body: { error: { message: 'Invalid OAuth access token.' } } };
    const proof = createHmac('sha256', appSecret).update(token).digest('hex');
    if (query.get('appsecret_proof') !== proof) return refuse('Invalid appsecret_proof provided.');
    const fields = (query.get('fields') ?? '').split(',');
    const shown = Object.entries(person).filter(([name]) => fields.includes(name));
    return { status: 200, body: Object.fromEntries(shown) };
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const facebook: FacebookStandIn = {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    person: { id: '1' },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return facebook;
}
