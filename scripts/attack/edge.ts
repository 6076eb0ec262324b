// Lines 52, 53 and 55: who the client says it is, where the server can be made to connect to, and what it reads.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import type { Answer, SendOptions } from './http.ts';
import { leverReasons } from './levers.ts';
import { type Attack, expectAnswer, expectSame, expectThat, NotShown } from './line.ts';

async function spoofedAddress(ground: Ground): Promise<string> {
  const { url, operatorToken } = ground.stage.target;
  const seen = async (options: SendOptions) => {
    const answer = await ground.send('GET', '/operator/address', { as: operatorToken, ...options });
    expectAnswer('the address that the server sees', answer, 200);
    return answer.body.address as string;
  };
  const mine = await seen({});
  const headers = {
    forwarded: 'for=198.18.0.9',
    'x-real-ip': '198.18.0.9',
    'cf-connecting-ip': '198.18.0.9',
  };
  expectSame('headers that are not X-Forwarded-For', await seen({ headers }), mine);
  if (!ground.has('addresses')) {
    expectSame('an address that an untrusted peer claims', await seen({ from: '198.18.0.9' }), mine);
    throw new NotShown(`what is spoofed is ignored; the rest: ${leverReasons.addresses}`);
  }
  const chains: [string, string][] = [
    ['198.18.7.7', '198.18.7.7'],
    // Read from the right: what stands left of the first stranger was written by the stranger.
    ['10.0.0.1, 198.18.7.7', '198.18.7.7'],
    [`198.18.9.9, 198.18.7.7, ${mine}`, '198.18.7.7'],
    ['::ffff:198.18.7.7', '198.18.7.7'],
    ['::FFFF:198.18.7.7', '198.18.7.7'],
    ['2001:db8::7', '2001:db8::7'],
  ];
  for (const [chain, expected] of chains)
    expectSame(`X-Forwarded-For: ${chain}`, await seen({ from: chain }), expected);
  const tenant = await ground.newTenant({ limits: { registerPerAddress: { count: 5, seconds: 3600 } } });
  const register = (from: string) =>
    ground.register(tenant, { email: newEmail(), password: newPassword() }, { from });
  const hosts = ['0:0:0:1', 'ffff:0:0:1', 'a:b:c:d', '0:0:0:9', 'ffff:ffff:ffff:ffff', '1:2:3:4'];
  for (const [index, host] of hosts.entries()) {
    const answer = await register(`2001:db8:1:1:${host}`);
    expectAnswer(
      `registration ${index + 1} of one /64 network`,
      answer,
      index < 5 ? '201' : '429 rate_limited',
    );
  }
  expectAnswer('the next network', await register('2001:db8:1:2::1'), 201);
  // Another address of this machine, which the server was not told to trust.
  const untrusted =
    new URL(url).hostname === '127.0.0.1' && process.platform === 'linux' ? '127.0.0.2' : undefined;
  if (untrusted === undefined) {
    ground.unshown.push(
      'needs an untrusted peer beside this trusted one: a server on 127.0.0.1 of a Linux machine',
    );
  } else {
    const claimed = await seen({ from: '198.18.0.9', localAddress: untrusted });
    expectSame('an address that an untrusted peer claims', claimed, untrusted);
  }
  return `${chains.length} chains; /64 networks are one client; the peer ${untrusted ?? ''} is not believed`;
}

/** A listener that answers nobody: whoever connects is counted. */
async function startTrap() {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    count: () => connections,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

async function tenantAddresses(ground: Ground): Promise<string> {
  const trap = await startTrap();
  try {
    // No outgoing webhooks yet: nothing of a tenant's may be connected to, wherever an address can be written.
    const settings = {
      oauth: { redirects: [`${trap.url}/back`] },
      mail: { enabled: true, replyTo: 'a@attack.example', fromName: trap.url },
      packs: [{ id: 'starter', name: 'Starter', coins: 5, price: 5 }],
    };
    const tenant = await ground.newTenant(settings);
    const refused = [
      { webhooks: [{ url: trap.url }] },
      { webhookUrl: trap.url },
      { mail: { enabled: true, smtpUrl: `smtp://127.0.0.1:${trap.port}` } },
      { providers: { stripe: { secretKey: 'x', webhookSecret: 'y', apiUrl: trap.url } } },
      { oauthClients: { google: { clientId: 'x', clientSecret: 'y', issuer: trap.url } } },
    ];
    for (const each of refused) {
      const answer = await ground.operator('PATCH', `/operator/tenants/${tenant.slug}`, { settings: each });
      expectAnswer(`a setting ${Object.keys(each)[0]} with an address`, answer, '422 invalid_input');
    }
    const email = newEmail('trap');
    const password = newPassword();
    const user = await ground.newUser(tenant, { email, password });
    const body = { pack: 'starter', provider: 'sandbox', returnUrl: `${trap.url}/return` };
    const bought = await ground.send('POST', '/wallet/buy', {
      as: user.token,
      key: randomUUID(),
      wait: 10,
      body,
    });
    if (bought.status === 201) {
      await ground.send('POST', `${new URL(bought.body.checkoutUrl).pathname}/pay`);
      const back = await ground.send('GET', `/return/${tenant.slug}/${bought.body.id}`);
      expectAnswer('coming back from the checkout', back, 303);
      await ground.poll(async () => (await ground.balance(user.token)) === 5);
    }
    const headers = {
      host: `127.0.0.1:${trap.port}`,
      'x-forwarded-host': `127.0.0.1:${trap.port}`,
      referer: trap.url,
    };
    await ground.send('POST', '/password/forgot', { tenant: tenant.slug, body: { email }, headers });
    const query = `tenant=${tenant.slug}&redirect_to=${encodeURIComponent(`${trap.url}/back`)}`;
    await ground.send(
      'GET',
      `/oauth/google?${query}&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256`,
    );
    await ground.spend(user.token, { amount: 1, reference: trap.url, metadata: { url: trap.url } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expectSame('connections to an address that a tenant wrote', trap.count(), 0);
    return `outgoing webhooks come later: today ${refused.length} settings with addresses are refused, and the others (returnUrl, redirects, mail, Host, metadata) are never connected to`;
  } finally {
    await trap.close();
  }
}

async function oddBodies(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
  const type = (value: string) => ({ headers: { 'content-type': value } });
  const tries: [string, string, SendOptions, string][] = [
    ['70 KB', 'x'.repeat(70_000), {}, '413 payload_too_large'],
    [
      '70 KB without a length',
      JSON.stringify({ amount: 'x'.repeat(70_000) }),
      { headers: { 'transfer-encoding': 'chunked' } },
      '413 payload_too_large',
    ],
    ['a form', 'amount=1', type('application/x-www-form-urlencoded'), '415 unsupported_media_type'],
    ['plain text', '{"amount":1}', type('text/plain'), '415 unsupported_media_type'],
    ['XML', '<amount>1</amount>', type('application/xml'), '415 unsupported_media_type'],
    ['JSON by another name', '{"amount":1}', type('application/jsonp'), '415 unsupported_media_type'],
    ['30,000 brackets', deep, {}, '422 invalid_input'],
    ['brackets in the metadata', `{"amount":1,"metadata":{"a":${deep}}}`, {}, '422 invalid_input'],
    ['half of a JSON text', '{"amount":', {}, '400 malformed_request'],
    ['no object', '7', {}, '422 invalid_input'],
    ['nothing', '', {}, '400 malformed_request'],
    ['a lone surrogate', '{"amount":1,"reference":"\\ud800"}', {}, '422 invalid_input'],
  ];
  const post = (path: string, body: string, { headers }: SendOptions): Promise<Answer> =>
    ground.send('POST', path, {
      as: user.token,
      tenant: tenant.slug,
      key: randomUUID(),
      body,
      ...(headers ? { headers } : {}),
    });
  for (const [what, body, options, expected] of tries) {
    expectAnswer(what, await post('/wallet/spend', body, options), expected, ...(body === '' ? ['422'] : []));
    const login = await post('/login', body, options);
    expectThat(`${what} at the login`, login.status >= 400 && login.status < 500, 'a refusal', login.status);
  }
  expectAnswer('the next request', await ground.profile(user.token), 200);
  return `${tries.length} bodies`;
}

export const edgeLines: Attack[] = [
  { number: 52, title: 'a spoofed X-Forwarded-For', needs: [], run: spoofedAddress },
  {
    number: 53,
    title: 'an address of a tenant that the server connects to',
    needs: [],
    run: tenantAddresses,
  },
  { number: 55, title: 'bodies that are too large, deep, or no JSON', needs: [], run: oddBodies },
];
