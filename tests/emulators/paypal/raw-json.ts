// Finds the raw text of one value inside a JSON text, because a signature is over bytes and parsing loses them.

/**
 * The text of the value of a key of the outermost object, exactly as written; undefined when the key is
 * missing. The text must be valid JSON. A repeated key gives its last value, as JSON.parse does.
 */
export function rawValueOf(json: string, key: string): string | undefined {
  let found: string | undefined;
  let at = skipSpace(json, 0);
  if (json[at] !== '{') return undefined;
  at = skipSpace(json, at + 1);
  while (json[at] === '"') {
    const keyEnd = endOfString(json, at);
    const name: unknown = JSON.parse(json.slice(at, keyEnd));
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = endOfValue(json, start);
    if (name === key) found = json.slice(start, end);
    at = skipSpace(json, end);
    if (json[at] !== ',') break;
    at = skipSpace(json, at + 1);
  }
  return found;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (/[ \t\r\n]/.test(json[at] ?? '')) at += 1;
  return at;
}

function endOfString(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfValue(json: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < json.length) {
    const sign = json[at] ?? '';
    if (sign === '"') {
      at = endOfString(json, at);
      if (depth === 0) return at;
      continue;
    }
    if (depth === 0 && /[,}\] \t\r\n]/.test(sign)) return at;
    if (sign === '{' || sign === '[') depth += 1;
    if (sign === '}' || sign === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
    at += 1;
  }
  return at;
}
