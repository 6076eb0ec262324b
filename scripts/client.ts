// `npm run client -- python coinlane.py`: fetches the client of a running installation, written from its own document.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { languages } from '#api/clients/served.ts';
import { loadConfig } from '#shared/config/env.ts';
import { runCommand } from './command/run-command.ts';

const usage = `Usage: npm run client -- <${Object.keys(languages).join(' | ')}> [<file>] [--url <address>]
Without a file it goes to the output ("npm run --silent client -- python > coinlane.py"); without --url, PUBLIC_URL is asked.`;

runCommand(async () => {
  const { values, positionals } = parseArgs({ options: { url: { type: 'string' } }, allowPositionals: true });
  const [language = '', file] = positionals;
  const ending = languages[language]?.ending;
  if (ending === undefined) {
    console.error(usage);
    return 2;
  }
  const url = (values.url ?? loadConfig().publicUrl).replace(/\/+$/, '');
  const answer = await fetch(`${url}/clients/coinlane.${ending}`).catch(() => undefined);
  if (!answer?.ok) {
    console.error(
      `No client at ${url}${answer ? `: ${answer.status}` : ''}. Start the server first ("npm start"), or name it with --url.`,
    );
    return 1;
  }
  const text = await answer.text();
  if (file === undefined) process.stdout.write(text);
  else await writeFile(file, text);
  return 0;
});
