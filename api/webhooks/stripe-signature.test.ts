// Only Stripe's own words get in: by the exact bytes, now, and with a secret of this tenant.
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isStripeSigned } from './stripe-signature.ts';

const secret = 'whsec_current';
const nowMs = 1_800_000_000_500;
const now = Math.floor(nowMs / 1000);
const raw = Buffer.from(JSON.stringify({ id: 'evt_1', amount: 10, name: 'Zoë 🪙' }, null, 2));

const mac = (body: Buffer, time: number | string, key = secret) =>
  createHmac('sha256', key).update(`${time}.`).update(body).digest('hex');
const sign = (body: Buffer, time: number | string = now, key = secret) =>
  `t=${time},v1=${mac(body, time, key)}`;
const passes = (header: string | undefined, body = raw, secrets = [secret]) =>
  isStripeSigned(body, header, secrets, nowMs);

describe('a webhook', () => {
  test('that Stripe signed gets in, with other schemes beside', () => {
    expect(passes(sign(raw))).toBe(true);
    expect(passes(`${sign(raw)},v0=${mac(raw, now, 'other')}`)).toBe(true);
    const page = Buffer.from('not json');
    expect(passes(sign(page), page)).toBe(true);
  });

  test('that is forged does not', () => {
    expect(passes(sign(raw, now, 'whsec_other'))).toBe(false);
    expect(passes(`t=${now},v0=${mac(raw, now)}`)).toBe(false);
    expect(passes(`t=${now + 1},v1=${mac(raw, now)}`)).toBe(false);
    expect(passes(`t=${now},v1=`)).toBe(false);
    expect(passes(`t=${now},v1=${'0'.repeat(64)}`)).toBe(false);
  });

  test.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['no time', `v1=${mac(raw, now)}`],
    ['no signature', `t=${now}`],
    ['words', 'signed, really'],
    ['a signature without a value', `t=${now},v1`],
    ['a signature beyond ASCII', `t=${now},v1=${'é'.repeat(64)}`],
    ['a time with letters behind', `t=${now}x,v1=${mac(raw, now)}`],
    ['two times', `t=${now - 9999},${sign(raw)}`],
    ['an old time before the signed one', `${sign(raw, now - 9999)},t=${now}`],
    ['a negative time', sign(raw, -1)],
  ])('with %s does not', (_what, header) => {
    expect(passes(header)).toBe(false);
  });

  test('may be 300 seconds old or ahead, no more', () => {
    expect(passes(sign(raw, now - 299))).toBe(true);
    expect(passes(sign(raw, now - 301))).toBe(false);
    expect(passes(sign(raw, now + 300))).toBe(true);
    expect(passes(sign(raw, now + 302))).toBe(false);
    expect(passes(sign(raw, now + 3600))).toBe(false);
    expect(passes(sign(raw, 0))).toBe(false);
  });

  test('that was cut, extended or written anew does not get in', () => {
    const header = sign(raw);
    expect(passes(header, raw.subarray(0, -1))).toBe(false);
    expect(passes(header, raw.subarray(1))).toBe(false);
    expect(passes(header, Buffer.concat([raw, Buffer.from('\n')]))).toBe(false);
    expect(passes(header, Buffer.from(JSON.stringify(JSON.parse(raw.toString()))))).toBe(false);
    expect(passes(header, Buffer.alloc(0))).toBe(false);
  });

  test('of bytes that only read like the signed text does not get in', () => {
    const text = Buffer.from('{"a":"\ufffd"}');
    const lookalike = Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]);
    expect(passes(sign(text), text)).toBe(true);
    expect(passes(sign(text), lookalike)).toBe(false);
    expect(passes(sign(raw), Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), raw]))).toBe(false);
  });

  test('gets in by the new and the old secret while it is rotated, and by both at once', () => {
    const both = ['whsec_new', secret];
    expect(passes(sign(raw, now, 'whsec_new'), raw, both)).toBe(true);
    expect(passes(sign(raw), raw, both)).toBe(true);
    expect(passes(`${sign(raw, now, 'whsec_gone')},v1=${mac(raw, now)}`, raw, both)).toBe(true);
    expect(passes(`${sign(raw)},v1=${mac(raw, now, 'whsec_gone')}`, raw, both)).toBe(true);
    expect(passes(sign(raw, now, 'whsec_gone'), raw, both)).toBe(false);
  });

  test('never gets in by a secret that is blank, or by none', () => {
    expect(passes(sign(raw, now, ''), raw, [''])).toBe(false);
    expect(passes(sign(raw, now, '  '), raw, ['  '])).toBe(false);
    expect(passes(sign(raw), raw, [])).toBe(false);
    expect(passes(sign(raw), raw, ['', secret])).toBe(true);
  });
});
