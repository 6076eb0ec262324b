// Settings: the contract's defaults, what each must look like, and one message that names every fault.
import { expect, test } from 'vitest';
import { ConfigError, loadConfig } from './env.ts';

function faultsOf(source: Record<string, string | undefined>): string[] {
  try {
    loadConfig(source);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { faults, message } = error as ConfigError;
    for (const fault of faults) expect(message).toContain(fault);
    return faults.map((fault) => fault.split(':')[0] ?? '');
  }
  return [];
}

/** All that the contract requires in production, and a token, so that nothing is generated. */
const production = {
  NODE_ENV: 'production',
  SECRET_KEY: 's'.repeat(32),
  OPERATOR_TOKEN: 't'.repeat(16),
  SMTP_URL: 'smtp://mail.example.com:587',
  MAIL_FROM: 'Coins <coins@example.com>',
};

test('nothing needs to be set, and what is not has the contract’s default', () => {
  const config = loadConfig({});
  expect(config).toMatchObject({
    PORT: 3000,
    HOST: '127.0.0.1',
    publicUrl: 'http://127.0.0.1:3000',
    DATA_DIR: '.data',
    LOG_LEVEL: 'info',
    TRUSTED_PROXIES: [],
    redisUrls: [],
    production: false,
  });
  for (const name of ['DATABASE_URL', 'OPERATOR_TOKEN', 'SECRET_KEY', 'SMTP_URL', 'MAIL_FROM'] as const) {
    expect(config[name], name).toBeUndefined();
  }
  const emptied = Object.fromEntries(
    [...Object.keys(production), 'PORT', 'REDIS_URL'].map((name) => [name, '']),
  );
  expect(loadConfig(emptied)).toEqual(config);
  expect(loadConfig({ HOME: '/root', NOT_OURS: 'x' })).toEqual(config);
});

test('the public address follows host and port, unless it is set', () => {
  expect(loadConfig({ HOST: '0.0.0.0', PORT: '8080' }).publicUrl).toBe('http://0.0.0.0:8080');
  expect(loadConfig({ HOST: '::1' }).publicUrl).toBe('http://[::1]:3000');
  const set = loadConfig({ PUBLIC_URL: 'https://coins.example.com/', PORT: '8080' });
  expect([set.publicUrl, set.sandboxUrl]).toEqual(['https://coins.example.com', 'https://coins.example.com']);
  expect(loadConfig({ SANDBOX_URL: 'http://api:3000' }).sandboxUrl).toBe('http://api:3000');
});

test('lists are taken apart', () => {
  const config = loadConfig({
    REDIS_URL: 'redis://a:6379, rediss://b:6380',
    TRUSTED_PROXIES: '10.0.0.0/8,::1 , 192.0.2.7',
    SECRET_KEY_PREVIOUS: `${'a'.repeat(32)},${'b'.repeat(40)}`,
  });
  expect(config.redisUrls).toEqual(['redis://a:6379', 'rediss://b:6380']);
  expect(config.TRUSTED_PROXIES).toEqual(['10.0.0.0/8', '::1', '192.0.2.7']);
  expect(config.SECRET_KEY_PREVIOUS).toEqual(['a'.repeat(32), 'b'.repeat(40)]);
});

test('all faults are named at once, each with its setting', () => {
  const faults = faultsOf({
    PORT: 'http',
    DATABASE_URL: 'mysql://x/y',
    REDIS_URL: 'redis://ok:1,http://wrong',
    OPERATOR_TOKEN: 'short',
    SECRET_KEY: 'short',
    SMTP_URL: 'mail.example.com',
    TRUSTED_PROXIES: '10.0.0.0/8,everybody',
    LOG_LEVEL: 'loud',
  });
  expect(new Set(faults)).toEqual(
    new Set([
      ...['PORT', 'DATABASE_URL', 'REDIS_URL', 'OPERATOR_TOKEN'],
      ...['SECRET_KEY', 'SMTP_URL', 'TRUSTED_PROXIES', 'LOG_LEVEL'],
    ]),
  );
});

test.each([
  ['PORT', ['-1', '65536', '3000.5', '0x10', ' 80', '1e3']],
  ['PUBLIC_URL', ['coins.example.com', 'ftp://x', 'javascript:alert(1)']],
  ['DATABASE_URL', ['localhost', 'https://x', 'postgres//x']],
  ['REDIS_URL', ['localhost:6379', 'redis://a:1;redis://b:1']],
  ['OPERATOR_TOKEN', ['fifteen-letters', 'with spaces in it, and long', 'pässwörter-with-umlauts']],
  ['SECRET_KEY', ['x'.repeat(31)]],
  ['SECRET_KEY_PREVIOUS', [`${'x'.repeat(32)},short`]],
  ['SMTP_URL', ['smtp.example.com:587', 'http://mail']],
  ['TRUSTED_PROXIES', ['10.0.0.0/33', '::1/129', '10.0.0', '10.0.0.0/', '10.0.0.0/8/8', 'localhost']],
  ['LOG_LEVEL', ['verbose', 'INFO']],
  ['NODE_ENV', ['prod', 'Production', 'live']],
  ['HOST', ['not a host', 'http://127.0.0.1']],
  ['DATABASE_URL', ['postgres://', 'postgres:///coinlane', 'mysql://x/y']],
  ['MAIL_FROM', ['bar', 'a@b.example, c@d.example', 'Coins <coins>']],
  ['BCRYPT_COST', ['3', '15']],
  ['SWEEP_INTERVAL_MS', ['0', '99']],
  ['STRIPE_API_URL', ['api.stripe.com', 'ftp://x']],
  ['PAYPAL_API_URL', ['api-m.paypal.com', 'javascript:alert(1)']],
  ['PAYPAL_DRIVER', ['rest', 'SDK']],
  ['PROVIDER_CALL_MS', ['99', '60001', '1s']],
  // It would print bearer tokens, whatever it is set to.
  ['PAYPAL_DEBUG', ['1', 'false']],
])('%s refuses what it cannot be', (name, values) => {
  for (const value of values) expect([value, ...new Set(faultsOf({ [name]: value }))]).toEqual([value, name]);
});

test('providers are asked at their own addresses, and money is real in production only', () => {
  const stripe = 'https://api.stripe.com';
  expect(loadConfig({})).toMatchObject({
    stripeApiUrl: stripe,
    paypalApiUrl: 'https://api-m.sandbox.paypal.com',
    PAYPAL_DRIVER: 'sdk',
  });
  expect(loadConfig(production)).toMatchObject({
    stripeApiUrl: stripe,
    paypalApiUrl: 'https://api-m.paypal.com',
  });
  const given = { STRIPE_API_URL: 'http://127.0.0.1:1/', PAYPAL_API_URL: 'http://127.0.0.1:2//' };
  expect(loadConfig(given)).toMatchObject({
    stripeApiUrl: 'http://127.0.0.1:1',
    paypalApiUrl: 'http://127.0.0.1:2',
  });
});

test('webhooks may go to this machine where a laptop says so, and never in production', () => {
  expect(loadConfig({}).WEBHOOK_ALLOW_LOOPBACK).toBe(false);
  expect(loadConfig({ WEBHOOK_ALLOW_LOOPBACK: 'true' }).WEBHOOK_ALLOW_LOOPBACK).toBe(true);
  expect(faultsOf({ ...production, WEBHOOK_ALLOW_LOOPBACK: 'true' })).toEqual(['WEBHOOK_ALLOW_LOOPBACK']);
  expect(faultsOf({ WEBHOOK_ALLOW_LOOPBACK: 'yes' })).toEqual(['WEBHOOK_ALLOW_LOOPBACK']);
});

test('production requires its secrets and a way for mail, and names all that is missing', () => {
  expect(loadConfig(production).production).toBe(true);
  for (const name of ['SECRET_KEY', 'SMTP_URL', 'MAIL_FROM']) {
    expect(faultsOf({ ...production, [name]: undefined })).toEqual([name]);
    expect(faultsOf({ ...production, [name]: '' })).toEqual([name]);
  }
  const missing = faultsOf({ NODE_ENV: 'production', PORT: 'x' });
  expect(missing).toEqual(expect.arrayContaining(['PORT', 'SECRET_KEY', 'SMTP_URL', 'MAIL_FROM']));
  expect(faultsOf({ ...production, NODE_ENV: 'test', SECRET_KEY: undefined })).toEqual([]);
});

test('a fault never shows the secret that it is about', () => {
  const secret = 'hunter2-hunter2';
  try {
    loadConfig({ OPERATOR_TOKEN: secret, SECRET_KEY: secret, DATABASE_URL: `mysql://u:${secret}@x/y` });
    expect.unreachable();
  } catch (error) {
    expect(String((error as Error).stack)).not.toContain(secret);
  }
});
