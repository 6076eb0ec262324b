// The lever on mails: reads what the embedded mail catcher keeps, as JSON.
import type { Http } from './http.ts';
import type { Mail, Mailbox, Target } from './levers.ts';

interface Line {
  number: number;
  to: string[];
}

interface Whole extends Omit<Mail, 'html'> {
  html?: string;
}

/** `listUrl` answers `{data: [{number, to}]}`, the newest first; each mail is beside it at `mails/{number}.json`. */
export function openMailbox(http: Http, { operatorToken }: Target, listUrl: string): Mailbox {
  // Numbers are given once: a mail never changes.
  const known = new Map<number, Mail>();
  const read = async (number: number): Promise<Mail> => {
    const found = known.get(number);
    if (found) return found;
    const address = new URL(`mails/${number}.json`, listUrl).href;
    const { body } = await http.send('GET', address, { as: operatorToken });
    const { to, subject, text, html, headers } = body as Whole;
    const mail = { to, subject, text, html: html ?? '', headers };
    known.set(number, mail);
    return mail;
  };
  return {
    async mailsTo(address) {
      const answer = await http.send('GET', listUrl, { as: operatorToken });
      if (answer.status !== 200) throw new Error(`${listUrl} was answered with ${answer.status}`);
      const lines = (answer.body.data as Line[]).filter(({ to }) => to.includes(address));
      return Promise.all(lines.reverse().map(({ number }) => read(number)));
    },
  };
}
