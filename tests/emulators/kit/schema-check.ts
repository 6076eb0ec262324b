// Holds what we send to JSON schemas, since a real provider refuses what a lenient emulator would swallow.
import { Ajv } from 'ajv';
import ajvFormats from 'ajv-formats';

/** Gives the faults of a value, in words; none when it fits, and one when there is no schema of that name. */
export type SchemaCheck = (name: string, value: unknown) => string[];

export interface SchemaFault {
  /** JSON pointer to what is wrong; empty for the whole. */
  path: string;
  /** The word of JSON schema that was broken: required, additionalProperties, pattern … */
  keyword: string;
  /** The property that is missing or not known, where the keyword is about one. */
  property: string | undefined;
  text: string;
}

export interface SchemaOptions {
  /** Turns the text of forms and queries into the numbers and booleans that the schema asks for, in place. */
  fromText?: boolean;
}

/**
 * Compiles schemas by name; throws for one that is no JSON schema. Patterns are read without the regex
 * unicode flag, because published specifications hold some that are not valid with it.
 */
export function createFaultFinder(
  schemas: Record<string, object>,
  { fromText = false }: SchemaOptions = {},
): (name: string, value: unknown) => SchemaFault[] {
  const ajv = new Ajv({ allErrors: true, strict: false, unicodeRegExp: false, coerceTypes: fromText });
  ajvFormats.default(ajv);
  const checks = new Map(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]));
  return (name, value) => {
    const check = checks.get(name);
    if (check === undefined) {
      return [{ path: '', keyword: 'schema', property: undefined, text: 'there is no schema for this' }];
    }
    if (check(value)) return [];
    return (check.errors ?? []).map(({ instancePath, keyword, message, params }) => ({
      path: instancePath,
      keyword,
      property: params.missingProperty ?? params.additionalProperty,
      text: `${instancePath || '/'} ${message} ${JSON.stringify(params)}`,
    }));
  };
}

/** The same as sentences. */
export function createSchemaCheck(schemas: Record<string, object>, options: SchemaOptions = {}): SchemaCheck {
  const findFaults = createFaultFinder(schemas, options);
  return (name, value) => findFaults(name, value).map(({ text }) => `${name}: ${text}`);
}
