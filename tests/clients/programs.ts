// Programs on the clients as others would write them: compiled, or run as a process of their own language.
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stage } from './stage.ts';

const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

// What a program of a platform would look like, with mistakes that its compiler must find.
const use = `import { Coinlane, CoinlaneError, operationOf, type Operation, verifyWebhook } from './coinlane.ts';
const client = new Coinlane({ url: 'https://coins.example', secretKey: 'sk_acme_x' });
const spent: Operation = await client.wallet.spend({ amount: 1, metadata: { level: 7 } }, { wait: 5 });
const coins: number | null = spent.balanceAfter;
for await (const line of client.wallet.transactions({ limit: 5 })) line.amount.toFixed();
const lots: number = (await client.wallet.previewRefund({ operationId: spent.id })).lots.length;
const sealed: string = (await client.operations.proof(spent.id)).head.hash;
const event = operationOf(await verifyWebhook('', {}, ['a', 'b']));
if (event?.status === 'applied') throw new CoinlaneError({ code: 'insufficient_funds' });
// @ts-expect-error a misspelt field
await client.wallet.spend({ amuont: 1 });
// @ts-expect-error a body that is missing
await client.wallet.refund();
// @ts-expect-error no such status
if (spent.status === 'done') console.log(coins, lots, sealed);
// @ts-expect-error nothing to wait for
await client.wallet.balance({}, { wait: 5 });
`;

/** Compiles that program on the client in `folder`, as strictly as TypeScript can. */
export function compileProgram(folder: string): { status: number | null; stdout: string } {
  writeFileSync(join(folder, 'use.ts'), use);
  const names = [
    ...['strict', 'noEmit', 'allowImportingTsExtensions', 'erasableSyntaxOnly', 'verbatimModuleSyntax'],
    ...['exactOptionalPropertyTypes', 'noUncheckedIndexedAccess', 'noUnusedLocals', 'noImplicitOverride'],
  ];
  const compilerOptions = {
    ...{ target: 'es2022', module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'], types: [] },
    ...Object.fromEntries(names.map((name) => [name, true])),
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
  return { status, stdout };
}

/** Runs a story that is written in another language. What it is told, as JSON, is the stage. */
export function tell(
  folder: string,
  [command = '', ...args]: string[],
  { system, hooked, line, delivery, silentUrl }: Stage,
): Promise<{ code: number | null; output: string }> {
  const { userId, secret, tenant } = hooked;
  const story = {
    ...{
      url: system.url,
      badLine: line.url,
      silent: silentUrl,
      tenant: tenant.slug,
      secretKey: tenant.secretKey,
    },
    ...{ userId, secret, body: delivery.body, headers: delivery.headers },
  };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, env: { ...process.env, PYTHONPATH: folder } });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
    child.stdin.end(JSON.stringify(story));
  });
}
