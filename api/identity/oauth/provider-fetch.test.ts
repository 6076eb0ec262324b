// Whom we speak to in clear, and what of a provider's failure may be logged.
import { ClientError } from 'openid-client';
import { expect, test } from 'vitest';
import { createGoogle } from './google.ts';
import { toOauthProblem } from './provider-faults.ts';
import { createProviderFetch, isClearLoopback } from './provider-fetch.ts';

test('without TLS only this machine is spoken to', async () => {
  const near = ['http://localhost:1/x', 'http://127.0.0.1', 'http://127.1.2.3:80', 'http://[::1]:9'];
  const far = ['http://localhost.example', 'http://127.0.0.1.example', 'http://10.0.0.1', 'ftp://127.0.0.1'];
  expect(near.map((each) => isClearLoopback(new URL(each)))).toEqual([true, true, true, true]);
  expect(far.map((each) => isClearLoopback(new URL(each)))).toEqual([false, false, false, false]);
  const fetch = createProviderFetch(1000);
  const options = { method: 'GET', headers: {}, body: undefined, redirect: 'manual' as const };
  for (const address of far) {
    await expect(fetch(address, options)).rejects.toMatchObject({
      code: 'oauth_unavailable',
      internal: 'an address without TLS',
    });
  }
});

test('an issuer without TLS elsewhere is never asked', async () => {
  const google = createGoogle({ GOOGLE_ISSUER_URL: 'http://issuer.example', PROVIDER_CALL_MS: 1000 });
  const refused = google.configure({ clientId: 'a', clientSecret: 'b' });
  await expect(refused).rejects.toMatchObject({ code: 'OAUTH_HTTP_REQUEST_FORBIDDEN' });
});

test('what a provider sent is not in what we log', () => {
  const answer = { access_token: 'a-token-that-works' };
  const cause = new Error('misses something', { cause: { body: answer } });
  const error = Object.assign(new ClientError('invalid', { cause }), { code: 'OAUTH_INVALID_RESPONSE' });
  const problem = toOauthProblem(error);
  expect(problem).toMatchObject({ code: 'oauth_failed', internal: 'OAUTH_INVALID_RESPONSE: invalid' });
  expect(problem.cause).toBeUndefined();
});
