// Writes the client for Python: the types of the document and a class for each group of calls, on the runtime.
import type { Call, ClientModel } from './model.ts';
import { capital, type Field, type Shape, type Struct } from './shapes.ts';

// Not all of Python's keywords: those that a field could be called.
const keywords = new Set([
  'and',
  'as',
  'assert',
  'class',
  'def',
  'del',
  'for',
  'from',
  'global',
  'if',
  'import',
  'in',
  'is',
  'not',
  'or',
  'pass',
  'raise',
  'return',
  'try',
  'while',
  'with',
  'yield',
]);

const isPlainName = (name: string) => /^[a-zA-Z_]\w*$/.test(name) && !keywords.has(name);

/** `returnUrl` as Python would call it; a keyword gets the underscore that PEP 8 gives it. */
function snake(name: string): string {
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  return keywords.has(words) ? `${words}_` : words;
}

function typeOf(shape: Shape): string {
  const bare = bareTypeOf(shape);
  return shape.nullable ? `Optional[${bare}]` : bare;
}

function bareTypeOf(shape: Shape): string {
  const inner = shape.of?.map(typeOf) ?? [];
  switch (shape.kind) {
    case 'text':
      return shape.values ? `Literal[${shape.values.map((value) => `"${value}"`).join(', ')}]` : 'str';
    case 'integer':
      return 'int';
    case 'number':
      return 'float';
    case 'boolean':
      return 'bool';
    case 'list':
      return `List[${inner[0]}]`;
    case 'map':
      return `Dict[str, ${inner[0]}]`;
    case 'page':
      return `Pages[${inner[0]}]`;
    case 'object':
      return shape.name ?? 'Any';
    case 'union':
      return `Union[${inner.join(', ')}]`;
    default:
      return 'Any';
  }
}

const oneLine = (text: string) =>
  text.replaceAll(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll('"""', "'''");

function structOf({ name, fields }: Struct): string {
  const typed = ({ shape, required }: Field) => (required ? typeOf(shape) : `NotRequired[${typeOf(shape)}]`);
  // A field that Python could not spell as a name: the other way to write the same type, its types as texts.
  if (!fields.every((field) => isPlainName(field.name))) {
    const lines = fields.map((field) => `        "${field.name}": '${typed(field)}',\n`);
    return `${name} = TypedDict(\n    "${name}",\n    {\n${lines.join('')}    },\n)\n`;
  }
  const lines = fields.map((field) => {
    const told = field.description === undefined ? '' : `    #: ${oneLine(field.description)}\n`;
    return `${told}    ${field.name}: ${typed(field)}\n`;
  });
  return `class ${name}(TypedDict):\n${lines.join('')}`;
}

function callOf(call: Call, structs: Map<string, Struct>): string {
  const bodyStruct = structs.get(call.body?.shape.name ?? '');
  const bodyFields = bodyStruct?.fields ?? [];
  const queryFields = call.query?.fields ?? [];
  const named = (field: Field) =>
    `${snake(field.name)}: ${typeOf(field.shape)}${field.required ? '' : ' = _OUT'}`;
  // What an endless iteration goes through by itself is not asked for.
  const isPaged = call.answer?.kind === 'page';
  const asked = queryFields.filter((field) => !(isPaged && field.name === 'cursor'));
  const keywordsGiven = [...bodyFields, ...asked].map(named);
  keywordsGiven.sort((a, b) => Number(a.endsWith('= _OUT')) - Number(b.endsWith('= _OUT')));
  if (call.keyed) keywordsGiven.push('idempotency_key: Optional[str] = None');
  if (call.waits) keywordsGiven.push('wait: int = 0');
  keywordsGiven.push('timeout: Optional[float] = None');
  if (bodyStruct?.open || call.query?.open) keywordsGiven.push('**more: Any');
  const path = call.path.replaceAll(/\{(\w+)\}/g, (_, name) => `{_part(${snake(name)})}`);
  const passed = [`"${call.method}"`, `${path === call.path ? '' : 'f'}"${path}"`];
  const dict = (fields: Field[], open: boolean | undefined) =>
    `{${[...fields.map((field) => `"${field.name}": ${snake(field.name)}`), ...(open ? ['**more'] : [])].join(', ')}}`;
  if (call.body) passed.push(`body=${dict(bodyFields, bodyStruct?.open)}`);
  if (call.query || isPaged) passed.push(`query=${dict(asked, call.query?.open)}`);
  if (call.keyed) passed.push('keyed=True', 'idempotency_key=idempotency_key');
  if (call.waits) passed.push('wait=wait');
  if (call.credential !== 'needed') passed.push(`credential="${call.credential}"`);
  passed.push('timeout=timeout');
  const given = ['self', ...call.parameters.map((name) => `${snake(name)}: str`), '*', ...keywordsGiven];
  const answer = call.answer ? typeOf(call.answer) : 'None';
  const sent = `self._wire.${isPaged ? 'pages' : 'send'}(\n            ${passed.join(',\n            ')},\n        )`;
  const result = call.answer
    ? `        answer: ${answer} = ${sent}\n        return answer`
    : `        ${sent}`;
  return `    def ${snake(call.name)}(
        ${given.join(',\n        ')}${given.at(-1)?.startsWith('**') ? '' : ','}
    ) -> ${answer}:
        """${oneLine(call.summary)}"""
${result}
`;
}

export function writePython(model: ClientModel, runtime: string): string {
  const structs = new Map(model.structs.map((struct) => [struct.name, struct]));
  const classes = model.groups.map(
    ({ name, calls }) => `class ${capital(name)}Calls:
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

${calls.map((call) => callOf(call, structs)).join('\n')}`,
  );
  const codes = model.problems.map(([code, status]) => `    "${code}": ${status},\n`).join('');
  const groups = model.groups.map(
    ({ name }) => `        self.${snake(name)} = ${capital(name)}Calls(self._wire)\n`,
  );
  return `"""
Coinlane ${model.version}: the whole client in one file without dependencies, for Python 3.9 or newer.
Written by an installation from its own OpenAPI document: fetch it again when that is upgraded.
"""
${runtime}

#: Every code that a refusal can have, and its status.
PROBLEM_STATUSES: Dict[str, int] = {
${codes}}


${model.structs.map(structOf).join('\n\n')}

${classes.join('\n\n')}

class Coinlane:
    """
    One installation, called as one user or with one secret key. \`access_token\` gives the user's token; it is called
    with True when the last one was not accepted: refresh it then. \`tenant\` is for calls without a credential.
    """

    def __init__(
        self,
        url: str,
        *,
        secret_key: Optional[str] = None,
        access_token: Optional[Callable[[bool], Optional[str]]] = None,
        tenant: Optional[str] = None,
        timeout: float = 30.0,
        attempts_max: int = 4,
    ) -> None:
        self._wire = _Wire(url, secret_key, access_token, tenant, timeout, attempts_max)
${groups.join('')}
    def settled(self, operation: Union[Operation, str], *, within: float = 60.0) -> Operation:
        """Asks until the operation has its outcome, and raises CoinlaneError where it was not applied."""
        name = operation if isinstance(operation, str) else operation["id"]
        settled: Operation = _settle(lambda: self.operations.get(name), PROBLEM_STATUSES, within)
        return settled
`;
}
