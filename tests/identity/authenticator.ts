// A real authenticator for tests: Chromium's virtual one, asked by a page as any page would ask it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CDPSession } from 'playwright-core';
import { openBrowser } from '#tests/support/browser.ts';
import { type Answer, call } from '#tests/support/client.ts';

interface Device {
  /** The device can make sure of its user, by PIN or finger. */
  verifiesUser: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: options and answers are JSON of the WebAuthn API
type Json = any;

export interface Authenticator {
  /** Exchanges the device for a new one without credentials. */
  exchange(device: Device): Promise<void>;
  /** Makes a credential by the options of a registration. */
  create(options: Json): Promise<Json>;
  /** Signs the challenge of a login. */
  get(options: Json): Promise<Json>;
  /** Opens another page, whose origin then signs. */
  visit(url: string): Promise<void>;
  close(): Promise<void>;
}

export async function openAuthenticator(origin: string): Promise<Authenticator> {
  const { page, close } = await openBrowser(origin, 360);
  await page.goto(origin);
  const cdp: CDPSession = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  let authenticatorId: string | undefined;
  /** The page's own script: `call` is one of navigator.credentials. */
  const ask = (call: 'create' | 'get', parser: string, options: Json): Promise<Json> =>
    page.evaluate(`(async () => {
      const publicKey = PublicKeyCredential.${parser}(${JSON.stringify(options)});
      return (await navigator.credentials.${call}({ publicKey })).toJSON();
    })()`);
  return {
    async exchange({ verifiesUser }) {
      if (authenticatorId) await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
      const added = await cdp.send('WebAuthn.addVirtualAuthenticator', {
        options: {
          protocol: 'ctap2',
          transport: 'internal',
          hasResidentKey: true,
          hasUserVerification: verifiesUser,
          isUserVerified: verifiesUser,
          automaticPresenceSimulation: true,
        },
      });
      authenticatorId = added.authenticatorId;
    },
    create: (options) => ask('create', 'parseCreationOptionsFromJSON', options),
    get: (options) => ask('get', 'parseRequestOptionsFromJSON', options),
    visit: async (url) => void (await page.goto(url)),
    close,
  };
}

/** Lets the device make a passkey for the user of an access token. */
export async function registerPasskey(
  url: string,
  device: Authenticator,
  token: string,
  name?: string,
): Promise<Answer> {
  const { state, options } = (await call('POST', `${url}/passkeys/options`, { token })).body;
  const credential = await device.create(options);
  return call('POST', `${url}/passkeys`, { token, body: { state, credential, name } });
}

/** What the device answers to a login of this moment. `changes`: what the page makes of the options. */
export async function signLogin(url: string, device: Authenticator, tenant: string, changes: object) {
  const { state, options } = (await call('POST', `${url}/login/passkey/options`, { tenant })).body;
  return { state, credential: await device.get({ ...options, ...changes }) };
}

/** A page of an origin that is not ours, though browsers let it use the same name. */
export async function serveEmptyPage(): Promise<{ url: string; close(): void }> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<title>elsewhere</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () => void server.close(),
  };
}
