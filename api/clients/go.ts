// Writes the client for Go: the structs of the document and a type for each group of calls, on the runtime.
import type { Call, ClientModel } from './model.ts';
import { type Field, nameOf, type Shape, type Struct } from './shapes.ts';

type Structs = Map<string, Struct>;

/** As Go spells names: `userId` is `UserID`. */
const exported = (name: string) =>
  nameOf(name).replaceAll(/(Id|Url)(?=[A-Z]|$)/g, (word) => word.toUpperCase());
const local = (name: string) => (name === 'type' ? 'kind' : name);

function typeOf(shape: Shape, structs: Structs): string {
  const bare = bareTypeOf(shape, structs);
  return shape.nullable && isPlain(shape) ? `*${bare}` : bare;
}

/** What needs a pointer to be absent; lists, maps and anything can be nil by themselves. */
const isPlain = ({ kind }: Shape) => !['list', 'map', 'any'].includes(kind);

function bareTypeOf(shape: Shape, structs: Structs): string {
  const [inner = 'any'] = shape.of?.map((each) => typeOf(each, structs)) ?? [];
  switch (shape.kind) {
    case 'text':
      return 'string';
    case 'integer':
      return 'int64';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'list':
      return `[]${inner}`;
    case 'map':
      return `map[string]${inner}`;
    case 'page':
      return `Page[${inner}]`;
    case 'object':
      return shape.name ?? 'any';
    case 'union': {
      // One of them is there: a struct of all their fields, each of which may be nil.
      const fields = shape.of?.flatMap(({ name = '' }) => structs.get(name)?.fields ?? []) ?? [];
      return `struct {\n${fields.map((field) => fieldOf({ ...field, required: false }, structs, false)).join('')}\t}`;
    }
    default:
      return 'any';
  }
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

function fieldOf({ name, shape, required, description }: Field, structs: Structs, isInput: boolean): string {
  const told = [description, shape.values && `One of ${shape.values.join(', ')}.`].filter(Boolean).join('. ');
  const comment = told === '' ? '' : `\t// ${oneLine(told)}\n`;
  const type = typeOf(shape, structs);
  if (required) return `${comment}\t${exported(name)} ${type} \`json:"${name}"\`\n`;
  // Null says something else than nothing, where it is sent.
  const isMaybe = isInput && shape.nullable && isPlain(shape);
  const optional = isMaybe
    ? `*Maybe[${type.slice(1)}]`
    : isPlain(shape) && !shape.nullable
      ? `*${type}`
      : type;
  return `${comment}\t${exported(name)} ${optional} \`json:"${name},omitempty"\`\n`;
}

function structOf({ name, fields, open }: Struct, structs: Structs): string {
  const isInput = name.includes('Input');
  const more = open ? '\t// Further fields, by their names in JSON.\n\tMore map[string]any `json:"-"`\n' : '';
  const marshal = open
    ? `\nfunc (s ${name}) MarshalJSON() ([]byte, error) {\n\ttype named ${name}\n\treturn withMore(named(s), s.More)\n}\n`
    : '';
  return `type ${name} struct {\n${fields.map((field) => fieldOf(field, structs, isInput)).join('')}${more}}\n${marshal}`;
}

/** `/wallet/holds/{id}` as an expression that fills it in. */
function pathOf(path: string): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => `" + url.PathEscape(${local(name)}) + "`);
  return `"${filled}"`.replace(/ \+ ""$/, '');
}

function callOf(group: string, call: Call, structs: Structs): string {
  const given = ['ctx context.Context', ...call.parameters.map((name) => `${local(name)} string`)];
  const passed = [`method: "${call.method}"`, `path: ${pathOf(call.path)}`];
  if (call.body) {
    given.push(`body ${typeOf(call.body.shape, structs)}`);
    passed.push('body: body');
  }
  if (call.query) given.push(`query ${call.query.name}`);
  if (call.keyed) passed.push('keyed: true');
  if (call.credential !== 'needed') passed.push(`credential: "${call.credential}"`);
  const head = `// ${exported(call.name)}: ${oneLine(call.summary)}.\nfunc (g *${group}Calls) ${exported(call.name)}`;
  const options = 'options ...Option';
  if (call.answer?.kind === 'page') {
    const [line = 'any'] = call.answer.of?.map((each) => typeOf(each, structs)) ?? [];
    const takesCursor = call.query?.fields.some((field) => field.name === 'cursor');
    const cursor = !takesCursor
      ? ''
      : 'asked := query\n\t\tif cursor != "" {\n\t\t\tasked.Cursor = &cursor\n\t\t}\n\t\t';
    const read = `${cursor}var answer Page[${line}]
		return &answer, g.wire.send(ctx, call{${[...passed, ...(takesCursor ? ['query: asked'] : call.query ? ['query: query'] : [])].join(', ')}}, options, &answer)`;
    return `${head}(${[...given.slice(1), options].join(', ')}) *Pages[${line}] {
	return &Pages[${line}]{read: func(ctx context.Context, cursor string) (*Page[${line}], error) {
		${read}
	}}
}
`;
  }
  if (call.query) passed.push('query: query');
  const sent = (into: string) => `g.wire.send(ctx, call{${passed.join(', ')}}, options, ${into})`;
  if (!call.answer) return `${head}(${[...given, options].join(', ')}) error {\n\treturn ${sent('nil')}\n}\n`;
  const answer = bareTypeOf(call.answer, structs);
  return `${head}(${[...given, options].join(', ')}) (*${answer}, error) {
	var answer ${answer}
	if err := ${sent('&answer')}; err != nil {
		return nil, err
	}
	return &answer, nil
}
`;
}

export function writeGo(model: ClientModel, runtime: string): string {
  const structs: Structs = new Map(model.structs.map((struct) => [struct.name, struct]));
  const groups = model.groups.map(({ name, calls }) => {
    const group = exported(name);
    return `type ${group}Calls struct{ wire *wire }\n\n${calls.map((call) => callOf(group, call, structs)).join('\n')}`;
  });
  const fields = model.groups.map(({ name }) => `\t${exported(name)} *${exported(name)}Calls\n`).join('');
  const made = model.groups
    .map(({ name }) => `\t\t${exported(name)}: &${exported(name)}Calls{w},\n`)
    .join('');
  const codes = model.problems.map(([code, status]) => `\t"${code}": ${status},\n`).join('');
  return `// Package coinlane is the whole client of Coinlane ${model.version} in one file without dependencies, for Go 1.19 or newer.
// Written by an installation from its own OpenAPI document: fetch it again when that is upgraded.
${runtime}
// Client is one installation, called as one user or with one secret key.
type Client struct {
	wire *wire
${fields}}

// New makes a client; it may be used by many goroutines.
func New(options Options) *Client {
	w := newWire(options)
	return &Client{
		wire: w,
${made}	}
}

// ProblemStatuses has every code that a refusal can have, and its status.
var ProblemStatuses = map[string]int{
${codes}}

${model.structs.map((struct) => structOf(struct, structs)).join('\n')}
${groups.join('\n')}`;
}
