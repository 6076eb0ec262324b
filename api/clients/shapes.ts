// The schemas of the OpenAPI document as the few shapes that every language has, each object under a name of its own.
import { singular } from '../routes/operation-names.ts';

export interface Shape {
  kind: 'text' | 'integer' | 'number' | 'boolean' | 'any' | 'list' | 'map' | 'page' | 'object' | 'union';
  /** Of a text: all that it can be. */
  values?: string[];
  /** Of a list, map or page: what is in it. Of a union: its members. */
  of?: Shape[];
  /** Of an object: its name among the records. */
  name?: string;
  nullable?: boolean;
}

export interface Field {
  /** As JSON has it. */
  name: string;
  shape: Shape;
  required: boolean;
  description?: string;
}

export interface Struct {
  name: string;
  fields: Field[];
  /** Fields beside those that are named are welcome. */
  open: boolean;
}

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  description?: string;
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
export const nameOf = (text: string): string =>
  capital(text.replaceAll(/[^a-zA-Z0-9]+(.)?/g, (_, next = '') => next.toUpperCase()));

export interface Shapes {
  structs: Map<string, Struct>;
  /** `hint` names what has no name in the document. */
  shapeOf(schema: Schema, hint: string): Shape;
}

export function openShapes(named: Record<string, Schema>): Shapes {
  const structs = new Map<string, Struct>();
  /** Written out alike: the same thing under two names would only confuse. */
  const known = new Map<string, string>();

  function resolve(schema: Schema): Schema {
    return schema.$ref ? (named[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema;
  }

  /** All members of an `allOf` as one object; a member that only says "or null" is heard, too. */
  function merge(parts: Schema[]): Schema {
    const all = parts.map(resolve).map((part) => (part.allOf ? merge(part.allOf) : part));
    return {
      type: all.some((part) => [part.type].flat().includes('null')) ? ['object', 'null'] : 'object',
      properties: Object.assign({}, ...all.map((part) => part.properties ?? {})),
      required: all.flatMap((part) => part.required ?? []),
      additionalProperties: all.some((part) => part.additionalProperties === true),
    };
  }

  function struct(schema: Schema, hint: string): Shape {
    const written = JSON.stringify(schema);
    const before = known.get(written);
    if (before !== undefined) return { kind: 'object', name: before };
    let name = hint;
    for (let count = 2; structs.has(name); count += 1) name = `${hint}${count}`;
    known.set(written, name);
    const more = schema.additionalProperties;
    const made: Struct = {
      name,
      fields: [],
      open: more === true || (typeof more === 'object' && !more.type),
    };
    structs.set(name, made);
    for (const [field, content] of Object.entries(schema.properties ?? {})) {
      const { description } = content;
      made.fields.push({
        name: field,
        shape: shapeOf(content, name + nameOf(field)),
        required: schema.required?.includes(field) ?? false,
        ...(description === undefined ? {} : { description }),
      });
    }
    return { kind: 'object', name };
  }

  function plain(schema: Schema, type: string | undefined, hint: string): Shape {
    switch (type) {
      case 'string':
        return schema.enum
          ? { kind: 'text', values: schema.enum.filter((value) => typeof value === 'string') }
          : { kind: 'text' };
      case 'integer':
      case 'number':
      case 'boolean':
        return { kind: type };
      case 'array':
        return { kind: 'list', of: [shapeOf(schema.items ?? {}, singular(hint))] };
      case 'object': {
        const fields = Object.keys(schema.properties ?? {});
        if (fields.length === 0) {
          const more = schema.additionalProperties;
          return {
            kind: 'map',
            of: [typeof more === 'object' ? shapeOf(more, `${hint}Value`) : { kind: 'any' }],
          };
        }
        const data = schema.properties?.data?.items;
        if (data && fields.length === 3 && fields.includes('hasMore') && fields.includes('nextCursor')) {
          return { kind: 'page', of: [shapeOf(data, `${hint}Line`)] };
        }
        return struct(schema, hint);
      }
      default:
        return { kind: 'any' };
    }
  }

  function shapeOf(schema: Schema, hint: string): Shape {
    if (schema.$ref) return shapeOf(resolve(schema), schema.$ref.split('/').at(-1) ?? hint);
    if (schema.allOf) {
      const all = merge(schema.allOf);
      const [first] = schema.allOf;
      // A reference and nothing but "or null" keeps the name that it has.
      const only = schema.allOf.every((part) => part.$ref || !part.properties);
      const shape = only && first ? shapeOf(first, hint) : plain(all, 'object', hint);
      return [all.type].flat().includes('null') ? { ...shape, nullable: true } : shape;
    }
    const members = schema.anyOf ?? schema.oneOf;
    if (members) {
      const of = members.map((member) =>
        shapeOf(member, hint + nameOf(Object.keys(member.properties ?? {})[0] ?? '')),
      );
      return of.every((one) => one.kind === 'object') ? { kind: 'union', of } : { kind: 'any' };
    }
    const types = [schema.type].flat();
    const type = types.find((one) => one !== 'null') ?? (schema.properties ? 'object' : undefined);
    const shape = plain(schema, type, hint);
    return types.includes('null') && shape.kind !== 'any' ? { ...shape, nullable: true } : shape;
  }

  return { structs, shapeOf };
}
