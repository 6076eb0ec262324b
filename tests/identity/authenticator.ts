// A real authenticator for tests: Chromium's virtual one, asked by a page as any page would ask it.
import type { CDPSession } from 'playwright-core';
import { openBrowser } from '#tests/support/browser.ts';

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
