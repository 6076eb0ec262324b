// Writes the client for TypeScript: the types of the document and a class for each group of calls, on the runtime.
import type { Call, ClientModel } from './model.ts';
import { capital, type Field, type Shape, type Struct } from './shapes.ts';

function typeOf(shape: Shape): string {
  const bare = bareTypeOf(shape);
  return shape.nullable ? `${bare} | null` : bare;
}

function bareTypeOf(shape: Shape): string {
  const inner = shape.of?.map(typeOf) ?? [];
  switch (shape.kind) {
    case 'text':
      return shape.values?.map((value) => `'${value}'`).join(' | ') ?? 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'list':
      return `Array<${inner[0]}>`;
    case 'map':
      return `Record<string, ${inner[0]}>`;
    case 'page':
      return `Page<${inner[0]}>`;
    case 'object':
      return shape.name ?? 'unknown';
    case 'union':
      return inner.join(' | ');
    default:
      return 'unknown';
  }
}

/** A comment in one line, whatever the text holds. */
const comment = (text: string | undefined, indent: string) =>
  text === undefined ? '' : `${indent}/** ${text.replaceAll(/\s+/g, ' ').replaceAll('*/', '*\\/')} */\n`;

function fieldOf({ name, shape, required, description }: Field): string {
  const key = /^[a-zA-Z_$][\w$]*$/.test(name) ? name : `'${name}'`;
  return `${comment(description, '  ')}  ${key}${required ? '' : '?'}: ${typeOf(shape)};\n`;
}

function structOf({ name, fields, open }: Struct): string {
  const more = open ? '  [more: string]: unknown;\n' : '';
  return `export interface ${name} {\n${fields.map(fieldOf).join('')}${more}}\n`;
}

/** `/wallet/holds/{id}` as an expression that fills it in. */
function pathOf(path: string): string {
  if (!path.includes('{')) return `'${path}'`;
  return `\`${path.replaceAll(/\{(\w+)\}/g, (_, name) => `\${encodeURIComponent(${name})}`)}\``;
}

function callOf(call: Call, structs: Map<string, Struct>): string {
  const given = call.parameters.map((name) => `${name}: string`);
  const passed = [`method: '${call.method}'`, `path: ${pathOf(call.path)}`];
  const add = (name: string, type: string, mayMiss: boolean) => {
    given.push(mayMiss ? `${name}: ${type} = {}` : `${name}: ${type}`);
    passed.push(name);
  };
  if (call.body) {
    const fields = structs.get(call.body.shape.name ?? '')?.fields;
    const mayMiss = !call.body.required || (fields !== undefined && !fields.some((field) => field.required));
    add('body', typeOf(call.body.shape), mayMiss);
  }
  if (call.query) add('query', call.query.name, !call.query.fields.some((field) => field.required));
  if (call.keyed) passed.push('keyed: true');
  if (call.credential !== 'needed') passed.push(`credential: '${call.credential}'`);
  given.push(`options?: ${call.waits ? 'WaitOptions' : call.keyed ? 'WriteOptions' : 'CallOptions'}`);
  const isPaged = call.answer?.kind === 'page';
  const answer = call.answer ? typeOf(call.answer) : 'void';
  const result = isPaged ? answer.replace('Page<', 'Pages<') : `Promise<${answer}>`;
  const way = isPaged ? 'pages' : 'send';
  return `${comment(call.summary, '  ')}  ${call.name}(${given.join(', ')}): ${result} {
    return this.#wire.${way}({ ${passed.join(', ')} }, options);
  }
`;
}

export function writeTypeScript(model: ClientModel, runtime: string): string {
  const structs = new Map(model.structs.map((struct) => [struct.name, struct]));
  const classes = model.groups.map(
    ({ name, calls }) => `export class ${capital(name)}Calls {
  readonly #wire: Wire;
  constructor(wire: Wire) {
    this.#wire = wire;
  }
${calls.map((call) => callOf(call, structs)).join('')}}
`,
  );
  const codes = model.problems.map(([code, status]) => `  ${code}: ${status},\n`).join('');
  return `// Coinlane ${model.version}: the whole client in one file without dependencies, for Node 20 or newer and browsers.
// Written by an installation from its own OpenAPI document: fetch it again when that is upgraded.
${runtime.replace(/^(\/\/.*\n)+/, '')}
/** Every code that a refusal can have, and its status. */
export const problemStatuses = {
${codes}} as const;
export type ProblemCode = keyof typeof problemStatuses;

${model.structs.map(structOf).join('\n')}
${classes.join('\n')}
/** One installation, called as one user or with one secret key. */
export class Coinlane {
  readonly #wire: Wire;
${model.groups.map(({ name }) => `  readonly ${name}: ${capital(name)}Calls;\n`).join('')}
  constructor(options: ClientOptions) {
    this.#wire = new Wire(options);
${model.groups.map(({ name }) => `    this.${name} = new ${capital(name)}Calls(this.#wire);\n`).join('')}  }

  /** Asks until the operation has its outcome, and refuses as a waiting call would: throws where it was not applied. */
  settled(operation: Operation | string, options?: SettledOptions): Promise<Operation> {
    const id = typeof operation === 'string' ? operation : operation.id;
    return settle(() => this.operations.get(id, options), problemStatuses, options);
  }
}

/** The operation that an \`operation.applied\` or \`operation.rejected\` tells of. */
export function operationOf(event: WebhookEvent): Operation | undefined {
  return event.type.startsWith('operation.') ? (event.data as unknown as Operation) : undefined;
}
`;
}
