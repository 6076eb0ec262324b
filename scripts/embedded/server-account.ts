// Postgres refuses to run as root: this decides under which account its programs run, and proves that they can.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

/** How to start a program of Postgres: `command` and `args` wrapped, and what `spawn` needs beside them. */
export interface ServerAccount {
  /** The account's numbers when it is not our own; files that Postgres shall own are given to it. */
  ids?: { uid: number; gid: number };
  wrap(command: string, args: string[]): { command: string; args: string[] };
  spawnOptions: { uid?: number; gid?: number; cwd: string; env: Record<string, string> };
}

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
// Nothing of the caller's environment: PGDATA, PGPORT or a locale there would change what is started.
const cleanEnv = { PATH: systemPath, LC_ALL: 'C', TZ: 'UTC' };

const ownAccount: ServerAccount = {
  wrap: (command, args) => ({ command, args }),
  spawnOptions: { cwd: '/', env: cleanEnv },
};

/**
 * The account for a data folder: our own for a normal user. For root it is the owner of an existing cluster,
 * else the system's `postgres`, which is created where it is missing. Where that account cannot reach the
 * folders (root's home, a private temporary folder) it gets the one capability to pass through them.
 * @throws Error in plain words when no way works
 */
export function chooseAccount(options: {
  postgres: string;
  dataDir: string;
  clusterDir: string;
}): ServerAccount {
  if (process.getuid === undefined) {
    throw new Error('The embedded Postgres does not run on Windows. Use WSL, or set DATABASE_URL.');
  }
  if (process.getuid() !== 0) return requireOwnCluster(options.clusterDir);
  const ids = ownerOf(options.clusterDir) ?? findUser('postgres') ?? createUser('postgres');
  const plain: ServerAccount = { ...ownAccount, ids, spawnOptions: { ...ownAccount.spawnOptions, ...ids } };
  const candidates = [plain, ...['dac_read_search', 'dac_override'].map((name) => withCapability(ids, name))];
  const usable = candidates.find((account) => canReach(account, options.postgres, options.dataDir));
  if (usable) return usable;
  throw new Error(
    `Started by root, Postgres runs as the user with id ${ids.uid}, who cannot reach ${options.dataDir} or ` +
      `${options.postgres}: a folder above is closed to other users. Choose a DATA_DIR and a project folder that ` +
      'others may pass through (chmod o+x on the closed folder), start as a normal user, or set DATABASE_URL.',
  );
}

function requireOwnCluster(clusterDir: string): ServerAccount {
  const owner = statSync(clusterDir, { throwIfNoEntry: false })?.uid;
  if (owner !== undefined && owner !== process.getuid?.()) {
    throw new Error(
      `The database in ${clusterDir} belongs to the user with id ${owner}: it was first started by that user or ` +
        'by root. Start as the same user again, or choose another DATA_DIR.',
    );
  }
  return ownAccount;
}

function ownerOf(clusterDir: string): { uid: number; gid: number } | undefined {
  const found = statSync(clusterDir, { throwIfNoEntry: false });
  return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : undefined;
}

function findUser(name: string): { uid: number; gid: number } | undefined {
  const ask = (flag: string) => spawnSync('id', [flag, name], { env: cleanEnv, encoding: 'utf8' });
  const [uid, gid] = [ask('-u'), ask('-g')];
  return uid.status === 0 && gid.status === 0
    ? { uid: Number(uid.stdout), gid: Number(gid.stdout) }
    : undefined;
}

function createUser(name: string): { uid: number; gid: number } {
  // Debian and most others have useradd, Alpine has adduser.
  const ways: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/bin/false', name]],
    ['adduser', ['-S', '-D', '-H', '-s', '/bin/false', name]],
  ];
  for (const [command, args] of ways) {
    spawnSync(command, args, { env: cleanEnv, stdio: 'ignore' });
    const ids = findUser(name);
    if (ids) return ids;
  }
  throw new Error(
    `Postgres does not run as root, and no system user named ${name} could be created for it. Create one ` +
      '(useradd --system postgres), start as a normal user, or set DATABASE_URL.',
  );
}

/**
 * Runs a program as `ids` with one capability more (see capabilities(7)): passing through folders that are
 * closed to others. `no_setuid_fixup` because Postgres asks access(2), which otherwise forgets capabilities.
 */
function withCapability(ids: { uid: number; gid: number }, capability: string): ServerAccount {
  const flags = [
    '--securebits',
    '+no_setuid_fixup',
    '--clear-groups',
    `--reuid=${ids.uid}`,
    `--regid=${ids.gid}`,
  ];
  const capabilities = [`--inh-caps=+${capability}`, `--ambient-caps=+${capability}`];
  return {
    ...ownAccount,
    ids,
    wrap: (command, args) => ({
      command: 'setpriv',
      args: [...flags, ...capabilities, '--', command, ...args],
    }),
  };
}

/** Proves both by doing: the program runs without complaint, and the data folder can be entered. */
function canReach(account: ServerAccount, postgres: string, dataDir: string): boolean {
  const run = (command: string, args: string[]) => {
    const wrapped = account.wrap(command, args);
    const result = spawnSync(wrapped.command, wrapped.args, { ...account.spawnOptions, encoding: 'utf8' });
    return result.status === 0 && result.stderr === '';
  };
  return run(postgres, ['--version']) && run('/bin/sh', ['-c', 'cd "$1"', 'sh', dataDir]);
}
