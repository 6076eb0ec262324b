// Libraries that browsers load when they need them: their own ES modules from node_modules, by addresses of ours.
import { readFile } from 'node:fs/promises';
import { createRouter } from '../routes/router.ts';

interface Library {
  /** Of the modules, which import each other by relative paths. */
  folder: URL;
  /** From the folder. */
  manifest: string;
  /** Of what browsers need of it. */
  paths: RegExp;
}

const folderOf = (address: string) => new URL('.', address);
const libraries: Record<string, Library> = {
  /** Talks with authenticators. */
  webauthn: {
    folder: folderOf(import.meta.resolve('@simplewebauthn/browser')),
    manifest: '../package.json',
    paths: /^(?:[\w-]+\/)*[\w-]+\.js$/,
  },
  /** Makes QR codes; it has readers, too, which are large. */
  qr: {
    folder: folderOf(import.meta.resolve('qr')),
    manifest: 'package.json',
    paths: /^index\.js$/,
  },
};

/** The version is part of the address, so that what a browser kept is never stale. */
async function readAddress(name: string): Promise<string> {
  const { folder, manifest } = libraries[name] as Library;
  const { version } = JSON.parse(await readFile(new URL(manifest, folder), 'utf8')) as { version: string };
  return `/assets/${name}/${version}`;
}

/** Where browsers find the modules of the libraries. */
export async function readLibraryAddresses(): Promise<{ webauthn: string; qr: string }> {
  const [webauthn, qr] = await Promise.all([readAddress('webauthn'), readAddress('qr')]);
  return { webauthn, qr };
}

export function libraryRoutes() {
  const app = createRouter();
  for (const [name, { folder, paths }] of Object.entries(libraries)) {
    const address = readAddress(name);
    app.get(`/assets/${name}/:version/:path{.+}`, async (c) => {
      const path = c.req.param('path');
      const isCurrent = `/assets/${name}/${c.req.param('version')}` === (await address);
      if (!isCurrent || !paths.test(path)) return c.notFound();
      const text = await readFile(new URL(path, folder), 'utf8').catch(() => undefined);
      if (text === undefined) return c.notFound();
      c.header('Cache-Control', `public, max-age=${365 * 24 * 3600}, immutable`);
      c.header('X-Content-Type-Options', 'nosniff');
      return c.body(text, 200, { 'Content-Type': 'text/javascript; charset=utf-8' });
    });
  }
  return app;
}
