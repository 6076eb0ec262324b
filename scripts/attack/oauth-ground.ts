// The steps of a login at a provider that lies: begin, pass the provider, come back.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type Browser, openBrowser } from './browser.ts';
import { type FacebookStandIn, startFacebook } from './facebook-stand-in.ts';
import type { AttackTenant, Ground, Stage } from './ground.ts';
import { newEmail } from './ground.ts';
import { type HostileProvider, type Person, startHostileProvider } from './hostile-provider.ts';
import type { Answer } from './http.ts';
import { leverReasons } from './levers.ts';
import { expectAnswer, NotShown } from './line.ts';

export type ProviderName = 'google' | 'facebook';

const clientSecret = 'the-secret-of-every-client-of-the-attacks';
/** On the list of the tenants here; nobody listens there. */
export const platformUrl = 'https://platform.attack.example/back?from=login';

interface Providers {
  google?: Promise<HostileProvider>;
  facebook?: Promise<FacebookStandIn>;
}
const started = new WeakMap<Stage, Providers>();

/** Started at the first line that asks; told the truth again for every line. */
export async function googleOf({ stage, levers }: Ground): Promise<HostileProvider> {
  if (levers.providerPort === undefined) throw new NotShown(leverReasons.provider);
  const providers = providersOf(stage);
  providers.google ??= startHostileProvider(clientSecret, { port: levers.providerPort }).catch(cannotListen);
  const google = await providers.google;
  google.lie = 'none';
  google.followed = 0;
  google.person = newPerson();
  return google;
}

export async function facebookOf({ stage, levers }: Ground): Promise<FacebookStandIn> {
  if (levers.facebookPort === undefined) throw new NotShown(leverReasons.facebook);
  const providers = providersOf(stage);
  providers.facebook ??= startFacebook(clientSecret, { port: levers.facebookPort }).catch(cannotListen);
  return providers.facebook;
}

function cannotListen(error: Error): never {
  throw new NotShown(`the provider of the suite cannot listen: ${error.message}`);
}

function providersOf(stage: Stage): Providers {
  const known = started.get(stage);
  if (known) return known;
  const providers: Providers = {};
  started.set(stage, providers);
  stage.closing.push(async () => {
    for (const each of [providers.google, providers.facebook])
      await each?.then(
        (provider) => provider.close(),
        () => undefined,
      );
  });
  return providers;
}

/** Somebody new at Google; the address is proven there unless said otherwise. */
export function newPerson(email = newEmail('person'), verified = true): Person {
  return { sub: randomUUID(), email, email_verified: verified, name: 'Ada' };
}

export function newOauthTenant(ground: Ground): Promise<AttackTenant> {
  return ground.newTenant({
    oauthClients: {
      google: { clientId: 'our-client', clientSecret },
      facebook: { clientId: '1234567890', clientSecret },
    },
    oauth: { redirects: [platformUrl] },
  });
}

/** From our redirect through the provider to the address that leads back to us, not visited yet. */
export async function wayBack(
  ground: Ground,
  tenant: AttackTenant,
  browser: Browser,
  provider: ProviderName = 'google',
): Promise<URL> {
  const first = await browser.visit(`/oauth/${provider}?tenant=${tenant.slug}`);
  expectAnswer('a login begins', first, 302);
  return passProvider(ground, first);
}

export async function passProvider(ground: Ground, first: Answer): Promise<URL> {
  const there = await ground.send('GET', first.headers.location ?? '');
  expectAnswer('the provider sends the browser back', there, 302);
  return new URL(there.headers.location ?? '');
}

/** A whole login; the answer is the callback's. */
export async function providerLogin(
  ground: Ground,
  tenant: AttackTenant,
  provider: ProviderName = 'google',
): Promise<Answer> {
  const browser = openBrowser(ground);
  return browser.visit((await wayBack(ground, tenant, browser, provider)).href);
}

export function newChallenge(): string {
  return createHash('sha256').update(randomBytes(32).toString('base64url')).digest('base64url');
}
