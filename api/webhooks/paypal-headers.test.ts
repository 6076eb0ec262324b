// What is turned away at the door: headers that are missing, odd, too old, too new, or lead elsewhere.
import { expect, test } from 'vitest';
import { paypalHeaderFault } from './paypal-headers.ts';

const now = Date.parse('2026-03-04T05:06:07Z');
const dayMs = 86_400_000;
const genuine: Record<string, string> = {
  'paypal-auth-algo': 'SHA256withRSA',
  'paypal-cert-url': 'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-7a8abba8',
  'paypal-transmission-id': '69cd13f0-d67a-11e5-baa3-778b53f4ae55',
  'paypal-transmission-sig':
    'lmI95Jx3Y9nhR5SJWlHVIWpg4AgFk7n9bCHSRxbrd8A9zrhdu2rMyFrmz+Zjh3s3boXB07VXCXUZy/UFzUlnGJn0wDugt7FlSvdKeIJenLRemUxYCPVoEZzg9VFNqOa48gMkvF+XTpxBeUx/kWy6B5cp7GkT2+pOowfRK7OaynuxUoKW3JcMWw272VKjLTtTAShncla7tGF+55rxyt2KNZIIqxNMJ48RDZheGU5w1npu9dZHnPgTXB9iomeVRoD8O/jhRpnKsGrDschyNdkeh81BJJMH4Ctc6lnCCquoP/GzCzz33MMsNdid7vL/NIWaCsekQpW26FpWPi/tfj8nLA==',
  'paypal-transmission-time': '2026-03-04T05:05:00Z',
};
const host = 'api-m.paypal.com';
const faultOf = (changes: Record<string, string | undefined> = {}, allowedHost = host) => {
  const headers: Record<string, string | undefined> = { ...genuine, ...changes };
  return paypalHeaderFault((name) => headers[name], now, allowedHost);
};
const sentAt = (offsetMs: number) => ({
  'paypal-transmission-time': new Date(now + offsetMs).toISOString(),
});

test('headers as PayPal sends them pass', () => {
  expect(faultOf()).toBeUndefined();
});

test.each(Object.keys(genuine))('without %s it is turned away', (name) => {
  expect(faultOf({ [name]: undefined })).toContain(`${name} is missing`);
  expect(faultOf({ [name]: '' })).toContain(`${name} is missing`);
});

test.each([
  ['paypal-auth-algo', 'SHA1withRSA'],
  ['paypal-auth-algo', 'sha256withrsa'],
  ['paypal-transmission-id', 'a b'],
  ['paypal-transmission-id', 'x'.repeat(51)],
  ['paypal-transmission-sig', 'no base64!'],
  ['paypal-transmission-sig', 'A'.repeat(501)],
  ['paypal-transmission-time', 'Wed, 04 Mar 2026 05:05:00 GMT'],
  ['paypal-transmission-time', '1772600700'],
  ['paypal-cert-url', `https://api.paypal.com/${'c'.repeat(500)}`],
])('a %s of another form is turned away, and its value is not repeated', (name, value) => {
  const fault = faultOf({ [name]: value });
  expect(fault).toContain(`${name} has an unknown form`);
  expect(fault).not.toContain(value);
});

test('a day that does not exist is no time', () => {
  expect(faultOf({ 'paypal-transmission-time': '2026-13-40T05:05:00Z' })).toContain('is no time');
});

test('transmissions of the last four days pass, older ones do not', () => {
  expect(faultOf(sentAt(-4 * dayMs))).toBeUndefined();
  expect(faultOf(sentAt(-4 * dayMs - 1))).toContain('older than four days');
});

test('a clock may be five minutes ahead, and not more', () => {
  expect(faultOf(sentAt(5 * 60_000))).toBeUndefined();
  expect(faultOf(sentAt(5 * 60_000 + 1))).toContain('five minutes ahead');
});

test.each([
  'https://api.paypal.com/cert',
  'https://api.sandbox.paypal.com/cert',
  'https://API.PayPal.com/cert',
])('%s may hold the certificate', (url) => {
  expect(faultOf({ 'paypal-cert-url': url })).toBeUndefined();
});

test.each([
  'http://api.paypal.com/cert',
  'http://api-m.paypal.com/cert',
  'https://api.paypal.com:8443/cert',
  'https://paypal.com.evil.example/cert',
  'https://evilpaypal.com/cert',
  'https://evil.example/api.paypal.com/cert',
  'https://evil.example/?.paypal.com',
  'https://api.paypal.com@evil.example/cert',
  'https://user:secret@api.paypal.com/cert',
  'https://evil.example#.paypal.com',
  'ftp://api.paypal.com/cert',
  'file:///etc/passwd',
  'javascript:alert(1)//.paypal.com',
  'http://127.0.0.1:4000/cert',
  'api.paypal.com/cert',
])('%s may not', (url) => {
  expect(faultOf({ 'paypal-cert-url': url })).toContain("does not lead to PayPal's certificates");
});

test('where PayPal is emulated, exactly its host and port may hold the certificate, also over http', () => {
  const emulator = '127.0.0.1:4000';
  expect(faultOf({ 'paypal-cert-url': 'http://127.0.0.1:4000/cert' }, emulator)).toBeUndefined();
  expect(faultOf({ 'paypal-cert-url': 'https://127.0.0.1:4000/cert' }, emulator)).toBeUndefined();
  expect(faultOf({ 'paypal-cert-url': 'http://127.0.0.1:4001/cert' }, emulator)).toBeDefined();
  expect(faultOf({ 'paypal-cert-url': 'http://127.0.0.1/cert' }, emulator)).toBeDefined();
  expect(faultOf({ 'paypal-cert-url': 'http://localhost:4000/cert' }, emulator)).toBeDefined();
});
