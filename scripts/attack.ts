// `npm run attack`: the checklist of attacks against a started server; a line per attack, and a total.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { loadConfig } from '#shared/config/env.ts';
import { checklist } from './attack/checklist.ts';
import { openDatabaseLever } from './attack/database.ts';
import { openHttp } from './attack/http.ts';
import type { Levers, Target } from './attack/levers.ts';
import { openMailbox } from './attack/mailbox.ts';
import { reportHeading, reportLine, reportTotal } from './attack/report.ts';
import { type LineResult, openAttacks } from './attack/run.ts';
import { findOperatorToken } from './seed/operator-token.ts';

const usage = `Usage: npm run attack -- [--url <address>] [--operator-token <token>] [--only <numbers>] [levers]
Runs the security checklist against a started server. It makes tenants of its own, and deletes them at the end.
Without --url: PUBLIC_URL; without --operator-token: OPERATOR_TOKEN, or the token that "npm start" keeps.
Levers, each for what HTTP alone cannot show:
  --mails <address>       mails.json of the mail catcher; found by itself where "npm start" catches mail
  --database <address>    the database, as its owner
  --log <file>            the server's log
  --second-url <address>  another process on the same database
  --provider-port <n>     for a server with GOOGLE_ISSUER_URL=http://127.0.0.1:<n>: the suite's OpenID provider
  --facebook-port <n>     for one with FACEBOOK_GRAPH_URL and FACEBOOK_DIALOG_URL=http://127.0.0.1:<n>
X-Forwarded-For is used where the server trusts this machine (TRUSTED_PROXIES).`;

const options = {
  url: { type: 'string' },
  'operator-token': { type: 'string' },
  only: { type: 'string' },
  mails: { type: 'string' },
  database: { type: 'string' },
  log: { type: 'string' },
  'second-url': { type: 'string' },
  'provider-port': { type: 'string' },
  'facebook-port': { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Given = ReturnType<typeof parseArgs<{ options: typeof options }>>['values'];

async function main(): Promise<number> {
  const given = readArguments();
  if (given === undefined || given.help) {
    console.log(usage);
    return given === undefined ? 2 : 0;
  }
  const config = loadConfig();
  const url = (given.url ?? config.publicUrl).replace(/\/+$/, '');
  const target = { url, operatorToken: given['operator-token'] ?? (await findOperatorToken(config)) };
  const http = openHttp(url);
  const levers = await openLevers(given, target, http);
  const run = await openAttacks(target, levers);
  const used = Object.keys(levers).concat(run.trusted ? ['client addresses'] : []);
  console.log(`Attacking ${url}\nLevers: ${used.join(', ') || 'none but HTTP'}`);
  const wanted = given.only?.split(/[\s,]+/).map(Number);
  const results: LineResult[] = [];
  const started = performance.now();
  try {
    for (const { name, lines } of checklist) {
      const chosen = lines.filter(({ number }) => wanted?.includes(number) ?? true);
      if (chosen.length > 0) console.log(reportHeading(name));
      for (const line of chosen) {
        const result = await run.attack(line);
        results.push(result);
        console.log(reportLine(result));
      }
    }
  } finally {
    await run.close();
    await levers.database?.close();
    http.close();
  }
  console.log(`\n${reportTotal(results)} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
  return results.some(({ result }) => result === 'fell') ? 1 : 0;
}

/** Undefined: somebody wants to be told how this is used. */
function readArguments(): Given | undefined {
  try {
    return parseArgs({ options }).values;
  } catch {
    return undefined;
  }
}

async function openLevers(given: Given, target: Target, http: ReturnType<typeof openHttp>): Promise<Levers> {
  const {
    mails,
    database,
    log,
    'second-url': secondUrl,
    'provider-port': providerPort,
    'facebook-port': facebookPort,
  } = given;
  const mailsUrl = mails ?? (await findMails(target, http));
  return {
    ...(mailsUrl === undefined ? {} : { mails: openMailbox(http, target, mailsUrl) }),
    ...(database === undefined ? {} : { database: openDatabaseLever(database) }),
    ...(log === undefined ? {} : { log: () => readFile(log, 'utf8') }),
    ...(secondUrl === undefined ? {} : { secondUrl: secondUrl.replace(/\/+$/, '') }),
    ...(providerPort === undefined ? {} : { providerPort: Number(providerPort) }),
    ...(facebookPort === undefined ? {} : { facebookPort: Number(facebookPort) }),
  };
}

/** Where `npm start` shows the mails that it caught. */
async function findMails(target: Target, http: ReturnType<typeof openHttp>): Promise<string | undefined> {
  const address = `${target.url}/operator/mail/mails.json`;
  try {
    const answer = await http.send('GET', address, { as: target.operatorToken });
    return answer.status === 200 && Array.isArray(answer.body.data) ? address : undefined;
  } catch {
    // Told below, with the address: nothing answers there at all.
    return undefined;
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  },
);
