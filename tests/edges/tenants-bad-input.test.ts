// Whatever is wrong with a request about tenants is named, changes nothing, and no secret reaches an answer or a log.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type EdgeApp, openEdgeApp, operatorToken } from './edge-app.ts';

let app: EdgeApp;
beforeAll(async () => {
  app = await openEdgeApp('tenants_bad');
});
afterAll(() => app?.close());

const create = (json: object) => app.call('POST', '/operator/tenants', { json });
const stripe = { secretKey: 'sk_live_stripe_secret', webhookSecret: 'whsec_stripe_secret' };
const pack = { id: 'small', name: 'A handful', coins: 100, price: 99 };

const good = { slug: 'never-made', name: 'Never' };
const badBodies: [string, unknown, string][] = [
  ['nothing at all', {}, '/slug'],
  ['no name', { slug: 'no-name' }, '/name'],
  ['a slug that is a number', { ...good, slug: 7 }, '/slug'],
  ['a slug with capitals', { ...good, slug: 'Acme' }, '/slug'],
  ['a slug of one letter', { ...good, slug: 'a' }, '/slug'],
  ['a slug of 32 letters', { ...good, slug: 'a'.repeat(32) }, '/slug'],
  ['a slug that begins with a digit', { ...good, slug: '1st' }, '/slug'],
  ['a slug that is SQL', { ...good, slug: 'x"; drop schema coinlane; --' }, '/slug'],
  ['a slug with a line break', { ...good, slug: 'acme\n' }, '/slug'],
  ['an empty name', { ...good, name: '  ' }, '/name'],
  ['a name of 81 letters', { ...good, name: 'n'.repeat(81) }, '/name'],
  ['a name with a NUL', { ...good, name: 'a\0b' }, '/name'],
  ['a name with a lone surrogate', { ...good, name: 'a\ud800b' }, '/name'],
  ['an unknown field', { ...good, status: 'active' }, '/status'],
  ['a coin without a symbol', { ...good, coin: { code: 'GEM', name: 'Gem' } }, '/coin/symbol'],
  ['an unknown setting', { ...good, settings: { colour: 'red' } }, '/settings/colour'],
  ['settings that are a list', { ...good, settings: [] }, '/settings'],
  ['a password length of 7', { ...good, settings: { passwordLengthMin: 7 } }, '/settings/passwordLengthMin'],
  [
    'a pack for half a coin',
    { ...good, settings: { packs: [{ ...pack, coins: 0.5 }] } },
    '/settings/packs/0/coins',
  ],
  [
    'a pack name with a NUL',
    { ...good, settings: { packs: [{ ...pack, name: 'a\0' }] } },
    '/settings/packs/0/name',
  ],
  ['two packs of one id', { ...good, settings: { packs: [pack, pack] } }, '/settings/packs'],
  ['an unknown provider', { ...good, settings: { providers: { bank: {} } } }, '/settings/providers/bank'],
  [
    'half the credentials',
    { ...good, settings: { providers: { stripe: { secretKey: 's' } } } },
    '/settings/providers/stripe/webhookSecret',
  ],
];

describe('bad input', () => {
  test.each(badBodies)('%s is 422 and names its place', async (_name, json, pointer) => {
    const answer = await create(json as object);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const problem = await answer.json();
    expect([answer.status, problem.code]).toEqual([422, 'invalid_input']);
    expect(problem.errors.map((fault) => fault.pointer)).toContain(pointer);
    expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
  });

  test.each([
    [
      'malformed JSON',
      { body: '{"slug":', headers: { 'content-type': 'application/json' } },
      400,
      'malformed_request',
    ],
    [
      'a body of 64 KiB and more',
      { json: { ...good, name: 'n'.repeat(64 * 1024) } },
      413,
      'payload_too_large',
    ],
    [
      'a form',
      { body: 'slug=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    ['a body of no type', { body: new Blob(['{"slug":"x1"}']) }, 415, 'unsupported_media_type'],
    ['no token', { json: good, token: null }, 401, 'unauthenticated'],
    ['a wrong token', { json: good, token: `${operatorToken}x` }, 401, 'unauthenticated'],
    [
      'another scheme',
      { json: good, token: null, headers: { authorization: `Basic ${operatorToken}` } },
      401,
      'unauthenticated',
    ],
    [
      'a page of another origin',
      { json: good, headers: { origin: 'https://evil.test' } },
      403,
      'cross_origin',
    ],
  ])('%s is refused', async (_name, options, status, code) => {
    const answer = await app.call('POST', '/operator/tenants', options);
    expect(await problemOf(answer)).toEqual([status, code]);
    if (status === 401) expect(answer.headers.get('www-authenticate')).toContain('Bearer');
  });

  test('left nothing behind', async () => {
    expect((await app.call('GET', '/operator/tenants/never-made')).status).toBe(404);
  });

  test.each([
    ['GET', '/operator/tenants/nobody'],
    ['PATCH', '/operator/tenants/nobody'],
    ['DELETE', '/operator/tenants/nobody'],
    ['GET', '/operator/tenants/nobody/integrity'],
    ['GET', '/operator/tenants/nobody/keys'],
    ['DELETE', '/operator/tenants/nobody/keys/0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77'],
    ['GET', '/operator/tenants/No%00body'],
    ['GET', `/operator/tenants/${'x'.repeat(500)}`],
  ])('%s %s is 404', async (method, path) => {
    const options = method === 'PATCH' ? { json: { name: 'x' } } : {};
    expect(await problemOf(await app.call(method, path, options))).toEqual([
      404,
      expect.stringMatching(/not_found$/),
    ]);
  });

  test.each([
    ['an unknown field', { slug: 'other' }],
    ['a status of no operator', { status: 'deleted' }],
    ['a null setting', { settings: { packs: null } }],
  ])('a change with %s is 422', async (_name, json) => {
    await create({ slug: 'patched', name: 'Patched' });
    expect(await problemOf(await app.call('PATCH', '/operator/tenants/patched', { json }))).toEqual([
      422,
      'invalid_input',
    ]);
  });
});

test('no secret is in any log line', async () => {
  const { secretKey } = await (
    await create({ slug: 'quiet', name: 'Quiet', settings: { providers: { stripe } } })
  ).json();
  await app.call('POST', '/operator/tenants', { json: good, token: `${operatorToken}-nearly` });
  await create({
    slug: 'quiet',
    name: 'Quiet',
    settings: { providers: { stripe: { secretKey: 'sk_only_half_given' } } },
  });
  const log = app.logLines.join('');
  expect(log).toContain('"path":"/operator/tenants"');
  for (const secret of [secretKey, operatorToken, 'stripe_secret', 'sk_only_half_given']) {
    expect(log).not.toContain(secret);
  }
});

async function problemOf(answer: Answer): Promise<[number, string]> {
  const { code } = await answer.json();
  return [answer.status, code];
}
