// The checklist of attacks, every line of it, against real processes on both queue backends.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { checklist } from '../../scripts/attack/checklist.ts';
import { reportLine, reportTotal } from '../../scripts/attack/report.ts';
import { type AttackRun, type LineResult, openAttacks } from '../../scripts/attack/run.ts';
import { type AttackStage, openAttackStage } from './stage.ts';

const lines = checklist.flatMap((section) => section.lines);
/** Set to read what `npm run attack` would print. */
const isTold = process.env.ATTACK_REPORT === '1';

test('the checklist has 58 lines, each once', () => {
  expect(lines.map(({ number }) => number)).toEqual(Array.from({ length: 58 }, (_, index) => index + 1));
});

describe.each(backends)('on $name', (backend) => {
  let stage: AttackStage;
  let run: AttackRun;
  const results: LineResult[] = [];
  beforeAll(async () => {
    stage = await openAttackStage(backend);
    run = await openAttacks(stage.target, stage.levers);
  });
  afterAll(async () => {
    await run?.close();
    await stage?.close();
    if (isTold) console.log([...results.map(reportLine), reportTotal(results)].join('\n'));
  });

  test('the server believes what this machine says about addresses', () => expect(run.trusted).toBe(true));

  for (const line of lines) {
    test(`${line.number} ${line.title}`, { timeout: 60_000 }, async (context) => {
      const result = await run.attack(line);
      results.push(result);
      if (result.result === 'skip') return context.skip(result.note);
      if (result.result === 'held') return;
      const { note, expected, came } = result;
      throw new Error(expected === undefined ? note : `${note}: expected ${expected}, came ${came}`);
    });
  }
});
