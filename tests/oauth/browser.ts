// A browser without a window: keeps cookies as they were given, and goes from page to page only when told to.
export interface Page {
  status: number;
  url: string;
  headers: Headers;
  /** Where a redirect leads, absolute. */
  location: string;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  body: any;
}

interface Cookie {
  origin: string;
  name: string;
  value: string;
  path: string;
}

export interface Browser {
  cookies: Cookie[];
  visit(url: string, init?: RequestInit): Promise<Page>;
  /** Goes on while redirects lead to pages that begin with this. */
  follow(page: Page, prefix: string): Promise<Page>;
}

export function openBrowser(): Browser {
  const cookies: Cookie[] = [];
  const keep = (origin: string, line: string) => {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const [name = '', ...value] = pair.split('=');
    const options = new Map(
      attributes.map((each) => each.split('=')).map(([n = '', v]) => [n.toLowerCase(), v]),
    );
    const path = options.get('path') ?? '/';
    const at = cookies.findIndex(
      (each) => each.origin === origin && each.name === name && each.path === path,
    );
    if (at >= 0) cookies.splice(at, 1);
    const age = options.get('max-age');
    const expires = options.get('expires');
    const isOver =
      age === undefined ? expires !== undefined && Date.parse(expires) < Date.now() : Number(age) <= 0;
    if (!isOver) cookies.push({ origin, name, value: value.join('='), path });
  };
  const browser: Browser = {
    cookies,
    async visit(address, init = {}) {
      const url = new URL(address);
      const sent = cookies.filter(({ origin, path }) => origin === url.origin && isUnder(url.pathname, path));
      const headers = new Headers(init.headers);
      if (sent.length > 0)
        headers.set('cookie', sent.map(({ name, value }) => `${name}=${value}`).join('; '));
      const response = await fetch(url, { ...init, headers, redirect: 'manual' });
      for (const line of response.headers.getSetCookie()) keep(url.origin, line);
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') ?? false;
      const location = response.headers.get('location');
      return {
        status: response.status,
        url: url.href,
        headers: response.headers,
        location: location === null ? '' : new URL(location, url).href,
        text,
        body: isJson && text ? JSON.parse(text) : undefined,
      };
    },
    async follow(page, prefix) {
      let at = page;
      while (at.location.startsWith(prefix)) at = await browser.visit(at.location);
      return at;
    },
  };
  return browser;
}

const isUnder = (pathname: string, path: string) =>
  path === '/' || pathname === path || pathname.startsWith(`${path.replace(/\/$/, '')}/`);
