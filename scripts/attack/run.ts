// Runs the checklist line by line against a started server; every tenant that it makes is deleted at the end.
import { Ground, type Stage } from './ground.ts';
import { openHttp } from './http.ts';
import { type Levers, leverReasons, type Target } from './levers.ts';
import { type Attack, Fallen, NotShown } from './line.ts';

/** What became of one line. */
export interface LineResult {
  number: number;
  title: string;
  result: 'held' | 'fell' | 'skip';
  ms: number;
  /** Why it fell or is not shown; or what was seen. */
  note: string;
  /** Where it fell. */
  expected?: string;
  came?: string;
}

export interface AttackRun {
  /** The server believes what this machine says about its clients' addresses. */
  trusted: boolean;
  attack(line: Attack): Promise<LineResult>;
  /** Deletes the tenants. */
  close(): Promise<void>;
}

/** @throws Error when nothing answers, or the token is not the operator's */
export async function openAttacks(target: Target, levers: Levers = {}): Promise<AttackRun> {
  const http = openHttp(target.url);
  const operator = { as: target.operatorToken };
  const door = await http.send('GET', '/operator/tenants?limit=1', operator);
  if (door.status !== 200) {
    http.close();
    throw new Error(
      `${target.url} did not take the operator token: ${door.status} ${door.text.slice(0, 200)}`,
    );
  }
  const claimed = '198.18.0.1';
  const seen = await http.send('GET', '/operator/address', { ...operator, from: claimed });
  const trusted = seen.status === 200 && seen.body.address === claimed;
  const stage: Stage = { target, levers, http, trusted, slugs: [], plain: [], closing: [] };
  return {
    trusted,
    attack: (line) => runLine(stage, line),
    async close() {
      for (const close of stage.closing) await close();
      await Promise.all(
        stage.slugs.map((slug) => http.send('DELETE', `/operator/tenants/${slug}`, operator)),
      );
      http.close();
    },
  };
}

async function runLine(stage: Stage, line: Attack): Promise<LineResult> {
  const { number, title } = line;
  const ground = new Ground(stage);
  const started = performance.now();
  const done = (result: LineResult['result'], note: string): LineResult => ({
    number,
    title,
    result,
    note,
    ms: performance.now() - started,
  });
  const missing = line.needs.filter((lever) => !ground.has(lever));
  if (missing.length > 0) return done('skip', missing.map((lever) => leverReasons[lever]).join('; '));
  try {
    const note = await line.run(ground);
    if (ground.unshown.length === 0) return done('held', note);
    return done('skip', `held as far as seen; the rest ${[...new Set(ground.unshown)].join('; ')}`);
  } catch (error) {
    if (error instanceof NotShown) return done('skip', error.message);
    if (!(error instanceof Fallen)) return done('fell', `it could not be carried out: ${messageOf(error)}`);
    return { ...done('fell', error.message), expected: error.expected, came: error.came };
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
