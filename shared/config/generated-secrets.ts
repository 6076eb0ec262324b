// Secrets that nobody set are made once and kept in DATA_DIR, so that a laptop needs no settings.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError } from './env.ts';

export interface Secrets {
  operatorToken: string;
  /** The current key first, then previous ones that may still open what they sealed. */
  secretKeys: string[];
}

const fileName = 'secrets.json';

/**
 * The operator token and the secret keys: from the settings, else from DATA_DIR, where they are
 * generated on first use. Safe when two processes start at the same moment.
 * @throws ConfigError when the stored file cannot be used.
 */
export async function loadSecrets(config: Config): Promise<Secrets> {
  if (config.OPERATOR_TOKEN && config.SECRET_KEY) {
    return {
      operatorToken: config.OPERATOR_TOKEN,
      secretKeys: [config.SECRET_KEY, ...config.SECRET_KEY_PREVIOUS],
    };
  }
  const stored = await readOrCreate(config.DATA_DIR);
  return {
    operatorToken: config.OPERATOR_TOKEN ?? stored.operatorToken,
    secretKeys: [config.SECRET_KEY ?? stored.secretKey, ...config.SECRET_KEY_PREVIOUS],
  };
}

async function readOrCreate(dataDir: string): Promise<{ operatorToken: string; secretKey: string }> {
  const path = join(dataDir, fileName);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const existing = await readFile(path, 'utf8').catch(() => undefined);
  if (existing === undefined) {
    const made = {
      operatorToken: `op_${randomBytes(24).toString('base64url')}`,
      secretKey: randomBytes(48).toString('base64url'),
    };
    try {
      // Exclusive creation decides the race between processes that start together.
      await writeFile(`${path}.new`, JSON.stringify(made, null, 2), { mode: 0o600, flag: 'wx' });
      await rename(`${path}.new`, path);
      return made;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return waitForOther(path);
    }
  }
  return parse(path, existing);
}

async function waitForOther(path: string): Promise<{ operatorToken: string; secretKey: string }> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) return parse(path, text);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new ConfigError([`DATA_DIR: ${path}.new was left by a start that broke off; remove it`]);
}

function parse(path: string, text: string): { operatorToken: string; secretKey: string } {
  try {
    const value = JSON.parse(text) as { operatorToken?: unknown; secretKey?: unknown };
    if (typeof value.operatorToken === 'string' && typeof value.secretKey === 'string') {
      return { operatorToken: value.operatorToken, secretKey: value.secretKey };
    }
  } catch {
    // Falls through: the file says nothing that can be used.
  }
  throw new ConfigError([`DATA_DIR: ${path} is damaged; restore it, or set OPERATOR_TOKEN and SECRET_KEY`]);
}
