// What a client is made of, read from the OpenAPI document: groups of calls, and the structs that they take and give.
import { type ProblemCode, problemCodes, problemStatus } from '#shared/contracts/problem.ts';
import { capital, type Field, nameOf, openShapes, type Schema, type Shape, type Struct } from './shapes.ts';

export interface Call {
  /** The verb, such as `spend`. */
  name: string;
  method: string;
  path: string;
  summary: string;
  /** Names of its path's parameters, in their order. */
  parameters: string[];
  query: Struct | undefined;
  body: { shape: Shape; required: boolean } | undefined;
  /** Undefined: nothing comes back. */
  answer: Shape | undefined;
  /** Takes an Idempotency-Key. */
  keyed: boolean;
  /** Takes Prefer: wait. */
  waits: boolean;
  /** Whether it needs a credential, takes one, or has none. */
  credential: 'needed' | 'taken' | 'none';
}

export interface ClientModel {
  version: string;
  groups: { name: string; calls: Call[] }[];
  structs: Struct[];
  problems: [ProblemCode, number][];
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema: Schema;
}

interface Documented {
  operationId: string;
  summary: string;
  parameters?: Parameter[];
  security?: Record<string, string[]>[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>;
}

export interface ApiDocument {
  info: { version: string };
  paths: Record<string, Record<string, Documented>>;
  components: { schemas: Record<string, Schema> };
}

const jsonOf = (content: Record<string, { schema: Schema }> | undefined) =>
  content?.['application/json']?.schema;

/** Statuses that say yes, and whether JSON comes with them. */
function answersOf(documented: Documented): [string, Schema | undefined][] {
  return Object.entries(documented.responses)
    .filter(([status]) => status.startsWith('2'))
    .map(([status, { content }]) => [status, jsonOf(content)]);
}

/** Pages, files and redirects are for browsers, and no part of a client. */
function isForCode(group: string, documented: Documented): boolean {
  if (group === 'providers' || (documented.responses['303'] && group !== 'sandbox')) return false;
  if (documented.requestBody && !jsonOf(documented.requestBody.content)) return false;
  return answersOf(documented).some(([status, json]) => json !== undefined || status === '204');
}

export function readModel(document: ApiDocument): ClientModel {
  const shapes = openShapes(document.components.schemas);
  const groups = new Map<string, Call[]>();
  // First of all, so that what they hold is named after them and not after a route that shows it, too.
  for (const name of Object.keys(document.components.schemas))
    shapes.shapeOf({ $ref: `#/components/schemas/${name}` }, name);
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, documented] of Object.entries(item)) {
      const [group = '', name = ''] = documented.operationId.split('.');
      if (!isForCode(group, documented)) continue;
      const calls = groups.get(group) ?? [];
      groups.set(group, calls);
      calls.push(...callsOf({ path, method, name, prefix: nameOf(group) + capital(name), documented }));
    }
  }
  return {
    version: document.info.version,
    groups: [...groups].map(([name, calls]) => ({ name, calls })),
    structs: [...shapes.structs.values()],
    problems: problemCodes.map((code) => [code, problemStatus(code)]),
  };

  function callsOf(read: {
    path: string;
    method: string;
    name: string;
    prefix: string;
    documented: Documented;
  }): Call[] {
    const { path, method, name, prefix, documented } = read;
    const parameters = documented.parameters ?? [];
    const headers = new Set(parameters.filter((each) => each.in === 'header').map((each) => each.name));
    const answers = answersOf(documented);
    // One answer a call: what is previewed is another thing than what is done, and a call of its own.
    const previews = parameters.some((each) => each.name === 'preview');
    const done = answers
      .filter(([status]) => !previews || status !== '200')
      .find(([, json]) => json !== undefined);
    const bodySchema = jsonOf(documented.requestBody?.content);
    const security = documented.security ?? [];
    const call: Call = {
      name,
      method: method.toUpperCase(),
      path,
      summary: documented.summary,
      parameters: parameters.filter((each) => each.in === 'path').map((each) => each.name),
      query: queryOf(parameters, prefix),
      body: bodySchema && {
        shape: shapes.shapeOf(bodySchema, `${prefix}Input`),
        required: documented.requestBody?.required ?? false,
      },
      answer: done?.[1] && shapes.shapeOf(done[1], `${prefix}Answer`),
      keyed: headers.has('idempotency-key'),
      waits: headers.has('prefer'),
      credential:
        security.length === 0
          ? 'none'
          : security.some((each) => Object.keys(each).length === 0)
            ? 'taken'
            : 'needed',
    };
    const preview = previews ? jsonOf(documented.responses['200']?.content) : undefined;
    if (!preview) return [call];
    return [
      call,
      {
        ...call,
        name: `preview${capital(name)}`,
        path: `${path}?preview=true`,
        summary: `${call.summary}: what would happen, without doing it`,
        answer: shapes.shapeOf(preview, `${prefix}Preview`),
        keyed: false,
        waits: false,
      },
    ];
  }

  function queryOf(parameters: Parameter[], prefix: string): Struct | undefined {
    // A client reads JSON, and previews by a call of its own.
    const asked = parameters.filter(
      (each) => each.in === 'query' && !['preview', 'format'].includes(each.name),
    );
    if (asked.length === 0) return undefined;
    const fields: Field[] = asked.map((each) => ({
      name: each.name,
      shape: shapes.shapeOf(each.schema, prefix + nameOf(each.name)),
      required: each.required ?? false,
      ...(each.description === undefined ? {} : { description: each.description }),
    }));
    const struct = { name: `${prefix}Query`, fields, open: prefix === 'OperationsList' };
    shapes.structs.set(struct.name, struct);
    return struct;
  }
}
