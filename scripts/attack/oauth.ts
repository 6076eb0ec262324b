// Lines 36 to 38 and 42: states, tokens, redirects and providers that lie.
import { openBrowser } from './browser.ts';
import type { Ground } from './ground.ts';
import type { Lie } from './hostile-provider.ts';
import type { Answer } from './http.ts';
import { type Attack, expectAnswer, expectSame } from './line.ts';
import {
  googleOf,
  newChallenge,
  newOauthTenant,
  platformUrl,
  providerLogin,
  wayBack,
} from './oauth-ground.ts';

const expectNoState = (what: string, answer: Answer) => expectAnswer(what, answer, '400 invalid_state');

async function wrongState(ground: Ground): Promise<string> {
  await googleOf(ground);
  const [tenant, other] = [await newOauthTenant(ground), await newOauthTenant(ground)];
  const browser = openBrowser(ground);
  const back = await wayBack(ground, tenant, browser);
  const changed = (change: (query: URLSearchParams) => void) => {
    const url = new URL(back);
    change(url.searchParams);
    return url.href;
  };
  expectNoState('no state', await browser.visit(changed((query) => query.delete('state'))));
  expectNoState('two states', await browser.visit(`${back.href}&state=another`));
  const stranger = openBrowser(ground);
  const theirs = (await wayBack(ground, tenant, stranger)).searchParams.get('state') ?? '';
  expectNoState(
    "another browser's state",
    await browser.visit(changed((query) => query.set('state', theirs))),
  );
  expectNoState('the state in another browser', await openBrowser(ground).visit(back.href));
  expectNoState('the state in the browser of another login', await stranger.visit(back.href));
  const elsewhere = openBrowser(ground);
  await wayBack(ground, other, elsewhere);
  expectNoState("another tenant's login under way", await elsewhere.visit(back.href));
  expectNoState('another tenant named', await browser.visit(back.href, { tenant: other.slug }));
  const facebook = back.href.replace('/oauth/google/', '/oauth/facebook/');
  expectNoState('the other provider', await browser.visit(facebook));
  const [cookie = ''] = browser.cookies.values();
  const renamed = openBrowser(ground, new Map([['coinlane_oauth_facebook', cookie]]));
  expectNoState('the other provider, and its name on the cookie', await renamed.visit(facebook));
  const copies = [
    openBrowser(ground, new Map(browser.cookies)),
    openBrowser(ground, new Map(browser.cookies)),
  ];
  const [late] = [new Map(browser.cookies)];
  const twins = await Promise.all(copies.map((copy) => copy.visit(back.href)));
  expectSame('two at once with one state', twins.map(({ status }) => status).toSorted(), [200, 400]);
  expectNoState('the state once more', await openBrowser(ground, late).visit(back.href));
  return 'ten ways to come back wrong; the right one logs in, once';
}

const lies: Lie[] = [
  ...(['wrong nonce', 'no nonce', 'wrong audience', 'wrong issuer', 'expired', 'forged signature'] as const),
  ...(['algorithm none', 'signed with the client secret', 'foreign issuer parameter'] as const),
];

async function wrongToken(ground: Ground): Promise<string> {
  const google = await googleOf(ground);
  const tenant = await newOauthTenant(ground);
  for (const lie of lies) {
    google.lie = lie;
    expectAnswer(`an id token: ${lie}`, await providerLogin(ground, tenant), '400 oauth_failed');
  }
  google.lie = 'no id token';
  const without = await providerLogin(ground, tenant);
  expectAnswer('no id token at all', without, '400 oauth_failed', '502 oauth_unavailable');
  google.lie = 'none';
  expectAnswer('an id token that is right', await providerLogin(ground, tenant), 200);
  return `${lies.length} id tokens: ${lies.join(', ')}`;
}

const nearMisses = [
  `${platformUrl}#x`,
  `${platformUrl}&x=1`,
  `${platformUrl}/`,
  platformUrl.replace('?from=login', ''),
  platformUrl.replace('/back', '/Back'),
  platformUrl.replace('/back', '/back/../evil'),
  platformUrl.replace('https:', 'http:'),
  platformUrl.replace('.example/', '.example:8443/'),
  platformUrl.replace('.example/', '.example.evil.example/'),
  platformUrl.replace('https://', 'https://evil.example@'),
  platformUrl.replace('https://', 'https://platform.attack.example\\@'),
  `//evil.example/${platformUrl}`,
  'javascript:alert(1)',
  '/relative',
  '',
];

async function wrongRedirect(ground: Ground): Promise<string> {
  await googleOf(ground);
  const [tenant, other] = [
    await newOauthTenant(ground),
    await ground.newTenant({
      oauthClients: { google: { clientId: 'our-client', clientSecret: 'x' } },
    }),
  ];
  const begin = (slug: string, redirects: string[]) => {
    const query = new URLSearchParams({
      tenant: slug,
      code_challenge: newChallenge(),
      code_challenge_method: 'S256',
    });
    for (const each of redirects) query.append('redirect_to', each);
    return ground.send('GET', `/oauth/google?${query}`);
  };
  for (const redirect of nearMisses) {
    const answer = await begin(tenant.slug, [redirect]);
    expectAnswer(`redirect_to=${redirect}`, answer, '400 redirect_not_allowed');
    expectSame('where it leads', answer.headers.location ?? null, null);
  }
  expectAnswer(
    "another tenant's redirect_to",
    await begin(other.slug, [platformUrl]),
    '400 redirect_not_allowed',
  );
  const both = await begin(tenant.slug, ['https://evil.example/', platformUrl]);
  expectAnswer('an evil redirect_to beside a good one', both, 400, 422);
  expectAnswer('the redirect_to of the list', await begin(tenant.slug, [platformUrl]), 302);
  const bare = await ground.send(
    'GET',
    `/oauth/google?${new URLSearchParams({ tenant: tenant.slug, redirect_to: platformUrl })}`,
  );
  expectAnswer('without PKCE', bare, 400, 422);
  return `${nearMisses.length} addresses that are almost the right one`;
}

async function redirectedToken(ground: Ground): Promise<string> {
  const google = await googleOf(ground);
  const tenant = await newOauthTenant(ground);
  google.lie = 'redirect';
  const answer = await providerLogin(ground, tenant);
  expectAnswer(
    'the provider redirects the request for a token',
    answer,
    '502 oauth_unavailable',
    '400 oauth_failed',
  );
  expectSame('requests that followed, each with the secret', google.followed, 0);
  return `${answer.status} ${answer.body.code}; the client's secret went nowhere else`;
}

export const oauthLines: Attack[] = [
  { number: 36, title: 'a missing, foreign or replayed state', needs: ['provider'], run: wrongState },
  { number: 37, title: 'a wrong nonce, audience, issuer or signature', needs: ['provider'], run: wrongToken },
  { number: 38, title: 'a redirect_to that is almost allowed', needs: ['provider'], run: wrongRedirect },
  {
    number: 42,
    title: 'a provider that redirects our token request',
    needs: ['provider'],
    run: redirectedToken,
  },
];
