// A browser without a window, for logins at providers: keeps our cookies, and goes on only when told to.
import type { Ground } from './ground.ts';
import type { Answer, SendOptions } from './http.ts';

export interface Browser {
  /** Our cookies by name; a copy of them in another browser is a thief's. */
  cookies: Map<string, string>;
  /** A page of ours, by its path, or by any address that leads to it. */
  visit(address: string, options?: SendOptions): Promise<Answer>;
}

export function openBrowser(ground: Ground, cookies = new Map<string, string>()): Browser {
  return {
    cookies,
    async visit(address, options = {}) {
      // Whatever PUBLIC_URL says, the server that is attacked is the one that was named.
      const { pathname, search } = new URL(address, ground.stage.target.url);
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const headers = { ...options.headers, ...(cookie === '' ? {} : { cookie }) };
      const answer = await ground.send('GET', pathname + search, { ...options, headers });
      for (const line of answer.headers['set-cookie'] ?? []) keep(cookies, line);
      return answer;
    },
  };
}

function keep(cookies: Map<string, string>, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
  if (/;\s*max-age=0\b/i.test(line)) cookies.delete(name);
  else cookies.set(name, value);
}
