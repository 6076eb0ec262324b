// Tells apart code, comments and literals of a source text, so that rules about code do not trip over prose.

export interface Literal {
  /** The text between the quotes; each `${}` of a template is replaced by `$`. */
  text: string;
  /** Offset of the opening quote in the source. */
  at: number;
}

export interface Scan {
  /** The source with comments and the insides of literals blanked out; offsets and lines stay. */
  code: string;
  literals: Literal[];
}

const regexMayFollow =
  /(^|[([{,;:=!&|?+\-*%<>~^}]|\b(return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield))\s*$/;

/** Scans TypeScript or JavaScript. Whether a slash begins a pattern is told by what stands before it. */
export function scanSource(source: string): Scan {
  const literals: Literal[] = [];
  const code = [...source.replaceAll(/[^\n]/g, ' ')];
  const keep = (from: number, to: number) => {
    for (let i = from; i < to; i += 1) code[i] = source[i] ?? ' ';
  };

  /** Scans code from `at` up to the brace that closes a template's expression, or to the end. */
  const scanCode = (start: number, insideTemplate: boolean): number => {
    let depth = 0;
    let at = start;
    while (at < source.length) {
      const two = source.slice(at, at + 2);
      const char = source[at] ?? '';
      if (two === '//') at = endOf('\n', at);
      else if (two === '/*') at = endOf('*/', at + 2) + 2;
      else if (char === "'" || char === '"') at = scanQuoted(at, char);
      else if (char === '`') at = scanTemplate(at);
      else if (char === '/' && regexMayFollow.test(code.slice(Math.max(0, at - 40), at).join('')))
        at = skipRegex(at);
      else {
        if (char === '{') depth += 1;
        if (char === '}') {
          if (insideTemplate && depth === 0) return at;
          depth -= 1;
        }
        keep(at, at + 1);
        at += 1;
      }
    }
    return at;
  };

  const endOf = (mark: string, from: number) => {
    const found = source.indexOf(mark, from);
    return found < 0 ? source.length : found;
  };

  const scanQuoted = (start: number, quote: string): number => {
    let at = start + 1;
    while (at < source.length && source[at] !== quote && source[at] !== '\n')
      at += source[at] === '\\' ? 2 : 1;
    literals.push({ text: source.slice(start + 1, at), at: start });
    keep(start, start + 1);
    keep(at, at + 1);
    return at + 1;
  };

  const scanTemplate = (start: number): number => {
    const literal: Literal = { text: '', at: start };
    literals.push(literal);
    keep(start, start + 1);
    let at = start + 1;
    while (at < source.length && source[at] !== '`') {
      if (source.startsWith('${', at)) {
        literal.text += '$';
        keep(at, at + 2);
        at = scanCode(at + 2, true);
        keep(at, at + 1);
        at += 1;
      } else {
        const length = source[at] === '\\' ? 2 : 1;
        literal.text += source.slice(at, at + length);
        at += length;
      }
    }
    keep(at, at + 1);
    return at + 1;
  };

  const skipRegex = (start: number): number => {
    let inClass = false;
    let at = start + 1;
    while (at < source.length && source[at] !== '\n' && (inClass || source[at] !== '/')) {
      if (source[at] === '[') inClass = true;
      if (source[at] === ']') inClass = false;
      at += source[at] === '\\' ? 2 : 1;
    }
    keep(start, start + 1);
    keep(at, at + 1);
    return at + 1;
  };

  scanCode(0, false);
  return { code: code.join(''), literals };
}

/** The line, from 1, of an offset. */
export function lineAt(source: string, at: number): number {
  return source.slice(0, at).split('\n').length;
}

/** Every module that a source imports or exports from, statically or by `import()`. */
export function listImports(scan: Scan): Literal[] {
  return scan.literals.filter((literal) => {
    const before = scan.code.slice(Math.max(0, literal.at - 30), literal.at);
    return /(\bfrom|\bimport|\bimport\s*\()\s*$/.test(before);
  });
}
