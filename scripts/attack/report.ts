// How the run is told: a line per attack, aligned, what fell in words, and a total.
import { styleText } from 'node:util';
import type { LineResult } from './run.ts';

const titleWidth = 58;
const textWidth = 92;
const indent = ' '.repeat(12);

const marks = {
  held: () => styleText('green', 'held'),
  fell: () => styleText(['red', 'bold'], 'fell'),
  skip: () => styleText('yellow', 'skip'),
};

/** `12 ms`, `1.4 s`: five places. */
function shortTime(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** One result: number, result, title, time; below it what was seen, or why not. */
export function reportLine({ number, result, title, ms, note, expected, came }: LineResult): string {
  const head = `${String(number).padStart(4)}  ${marks[result]()}  ${title.padEnd(titleWidth)} ${shortTime(ms).padStart(7)}`;
  const below = [
    ...wrap(note),
    ...(expected === undefined ? [] : wrap(`expected: ${expected}`)),
    ...(came === undefined ? [] : wrap(`came:     ${came}`)),
  ];
  const style = result === 'fell' ? 'red' : 'dim';
  return [head, ...below.map((text) => indent + styleText(style, text))].join('\n');
}

export function reportHeading(text: string): string {
  return `\n${styleText('bold', text)}`;
}

/** `56 held, 0 fell, 2 not shown`. */
export function reportTotal(results: LineResult[]): string {
  const count = (wanted: LineResult['result']) => results.filter(({ result }) => result === wanted).length;
  return `${count('held')} held, ${count('fell')} fell, ${count('skip')} not shown`;
}

/** Breaks a text between words; a word that is too long stands alone. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > textWidth) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
