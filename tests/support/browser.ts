// A real browser for stories: watches for what must not happen on any page, and takes pictures when asked.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

/** Undefined: there is no browser here. */
export const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
);
/** Set to look at the pages: a folder for screenshots. */
const shots = process.env.SCREENSHOTS;

export interface Visit {
  page: Page;
  /** Requests to other hosts, errors of scripts, what the content policy stopped, pages wider than the screen. */
  faults: string[];
  /** Checks that the page fits its screen, and takes a picture of it where those are wanted. */
  look(name: string): Promise<void>;
  close(): Promise<void>;
}

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
];

/** Signs a new user up in the hosted wallet of a tenant; what the wallet shows then is for the caller to wait for. */
export async function signUp(page: Page, walletUrl: string): Promise<void> {
  await page.goto(walletUrl);
  await page.fill('#register-email', 'nora@example.com');
  await page.fill('#register-password', 'correct horse battery');
  await page.press('#register-password', 'Enter');
}

/** Opens a page `width` pixels wide; everything it asks for must come from `url`. */
export async function openBrowser(url: string, width: number): Promise<Visit> {
  const browser = await chromium.launch({ executablePath: browserPath, args: flags });
  const page = await browser.newPage({ viewport: { width, height: 844 } });
  const faults: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) faults.push(request.url());
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) faults.push(message.text());
  });
  return {
    page,
    faults,
    async look(name) {
      // By the element, which is waited for: between two pages there is none.
      const wide = await page.locator('html').evaluate((html) => html.scrollWidth);
      if (Number(wide) > width) faults.push(`${name} is ${wide} pixels wide, the screen ${width}`);
      if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
    },
    close: () => browser.close(),
  };
}
