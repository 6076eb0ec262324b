// The check itself: it must find what is wrong, say where, and read text as numbers only when told to.
import { expect, test } from 'vitest';
import { createFaultFinder, createSchemaCheck } from './schema-check.ts';

const schema = {
  type: 'object',
  required: ['amount'],
  additionalProperties: false,
  properties: { amount: { type: 'integer' }, mail: { type: 'string', format: 'email' } },
};

test('a fitting value has no faults, and every fault of another is told with its place', () => {
  const check = createSchemaCheck({ thing: schema });
  expect(check('thing', { amount: 1, mail: 'a@b.example' })).toEqual([]);
  const faults = check('thing', { mail: 'nobody', more: 1 });
  expect(faults).toHaveLength(3);
  expect(faults.join()).toMatch(/thing: .*amount/);
  expect(check('nothing', {})).toEqual(['nothing: there is no schema for this']);
});

test('text counts as a number only where forms are read', () => {
  expect(createFaultFinder({ thing: schema })('thing', { amount: '12' })).toHaveLength(1);
  const value = { amount: '12' };
  const findFaults = createFaultFinder({ thing: schema }, { fromText: true });
  expect(findFaults('thing', value)).toEqual([]);
  expect(value).toEqual({ amount: 12 });
  expect(findFaults('thing', { amount: '1.5' })).toMatchObject([{ path: '/amount', keyword: 'type' }]);
  expect(findFaults('thing', { amount: '1', x: '' })).toMatchObject([{ property: 'x' }]);
});
