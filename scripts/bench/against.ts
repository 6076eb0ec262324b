// Runs this path and that of an older commit in turn, in one run, so that a change shows what it costs.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../embedded/redis.ts';
import { median } from './figures.ts';
import { onGround } from './ground.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const backends = ['redis', 'postgres'] as const;
const distributions = ['uniform', 'hot'] as const;

/** Written into the older tree, too: it asks of that only what contenders have had since there are any. */
const runner = `import { openContender } from './contender.ts';
const [name, url, redis] = process.argv.slice(2);
const contender = await openContender(name, url, redis ? [redis] : []);
process.on('message', async ({ distribution, operations }) => {
  const { perSecond } = await contender.run(distribution, operations);
  process.send({ perSecond });
});
process.send('ready');
`;

interface Runner {
  /** @returns operations per second, from the first accepted to the last settled; order and balances checked */
  run(distribution: string, operations: number): Promise<number>;
  end(): void;
}

async function open(tree: string, name: string, urls: string[]): Promise<Runner> {
  const path = join(tree, 'scripts/bench', `${name}.tmp.ts`);
  await writeFile(path, runner);
  const child = fork(path, [name, ...urls], { cwd: tree });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} ended before it answered`);
  });
  // Ends on its own account once all is measured.
  ended.catch(() => undefined);
  const answer = async () => (await Promise.race([once(child, 'message'), ended]))[0];
  await answer();
  await rm(path);
  return {
    async run(distribution, operations) {
      child.send({ distribution, operations });
      const { perSecond } = (await answer()) as { perSecond: number };
      return perSecond;
    },
    end: () => void child.kill('SIGKILL'),
  };
}

/**
 * Both trees use the packages that are installed here. Each has databases of its own on one Postgres, and a
 * Redis of its own, because workers take any job in their queue. Who begins changes from round to round.
 */
export async function benchAgainst(commit: string, rounds: number, operations: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'coinlane-against-'));
  const tree = join(dir, 'tree');
  const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  git('worktree', 'add', '--quiet', '--detach', tree, commit);
  try {
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
    await onGround(async ({ postgresUrl, redisUrl }) => {
      const other = await startRedis({ dir: join(dir, 'redis'), appendonly: true });
      if ('missing' in other) throw new Error(`The bench needs a Redis: ${other.missing}.`);
      try {
        await compare(tree, postgresUrl, [redisUrl, other.url], rounds, operations);
      } finally {
        await other.stop();
      }
    });
  } finally {
    git('worktree', 'remove', '--force', tree);
    await rm(dir, { recursive: true, force: true });
  }
}

async function compare(
  tree: string,
  postgresUrl: string,
  [redisHere = '', redisBefore = '']: string[],
  rounds: number,
  operations: number,
): Promise<void> {
  const medians: Record<string, number> = {};
  for (const backend of backends) {
    const urls = (redis: string) => (backend === 'redis' ? [postgresUrl, redis] : [postgresUrl]);
    const here = await open(root, `${backend}-here`, urls(redisHere));
    const before = await open(tree, `${backend}-before`, urls(redisBefore));
    const ratios: Record<string, number[]> = { uniform: [], hot: [] };
    // The first round is not counted: it compiles, fills caches and makes files grow.
    for (let round = 0; round <= rounds; round += 1) {
      for (const distribution of distributions) {
        const rates = new Map<Runner, number>();
        for (const each of round % 2 === 0 ? [here, before] : [before, here]) {
          rates.set(each, await each.run(distribution, operations));
        }
        const [now = 0, then = 1] = [rates.get(here), rates.get(before)];
        const line = `${Math.round(now)}/s here, ${Math.round(then)}/s before: ${(now / then).toFixed(2)}`;
        console.log(`round ${round}  ${backend.padEnd(8)} ${distribution.padEnd(8)} ${line}`);
        if (round > 0) ratios[distribution]?.push(now / then);
      }
    }
    here.end();
    before.end();
    for (const [distribution, values] of Object.entries(ratios)) {
      medians[`${backend} ${distribution}, here / before`] = Number(median(values).toFixed(3));
    }
  }
  console.log(JSON.stringify(medians));
}
