// The operator's token for scripts that talk to a server of this machine.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError } from '#shared/config/env.ts';

/** Reads only: a script at the wrong place must not leave secrets behind. @throws ConfigError */
export async function findOperatorToken(config: Config): Promise<string> {
  if (config.OPERATOR_TOKEN) return config.OPERATOR_TOKEN;
  const path = join(config.DATA_DIR, 'secrets.json');
  try {
    const { operatorToken } = JSON.parse(await readFile(path, 'utf8')) as { operatorToken?: unknown };
    if (typeof operatorToken === 'string') return operatorToken;
  } catch {
    // Told below: there is no token here.
  }
  throw new ConfigError([`OPERATOR_TOKEN: is not set, and ${path} has none; or give --operator-token`]);
}
