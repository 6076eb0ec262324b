// The bytes of a value inside a JSON text are found whatever stands around and inside it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rawValueOf } from './raw-json.ts';

test.each([
  ['{"a":1,"event":{"n":10.00,"big":12345678901234567890}}', '{"n":10.00,"big":12345678901234567890}'],
  ['{ "event" : { "a" : [ 1 , {} ] } , "b":2 }', '{ "a" : [ 1 , {} ] }'],
  ['{"x":"\\"event\\":{","event":"a}\\\\"}', '"a}\\\\"'],
  ['{"x":{"event":1},"event":[{"y":"]"},"\\u007d"]}', '[{"y":"]"},"\\u007d"]'],
  ['{"event":1.50}', '1.50'],
  ['{"\\u0065vent":true\n}', 'true'],
  ['{"event":1,"event":2}', '2'],
  ['{"other":1}', undefined],
  ['{}', undefined],
  ['[1]', undefined],
])('in %s', (json, expected) => {
  expect(rawValueOf(json, 'event')).toBe(expected);
});

test('in any object, however it is laid out', () => {
  const indent = fc.constantFrom(undefined, 1, '\t');
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), indent, (object, space) => {
      const json = JSON.stringify(object, null, space);
      for (const [key, value] of Object.entries(object)) {
        const raw = rawValueOf(json, key);
        expect(json).toContain(raw);
        expect(JSON.parse(raw ?? '')).toEqual(JSON.parse(JSON.stringify(value)));
      }
    }),
  );
});
