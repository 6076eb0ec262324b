// Reads the deployment files as their tools would, since a mistake there shows on somebody else's machine only.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

interface Service {
  image?: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  volumes?: string[];
  ports?: string[];
}

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);

test('every service either has a health check or ends by itself', () => {
  const unchecked = services.filter(([, service]) => !service.healthcheck?.test).map(([name]) => name);
  expect(unchecked).toEqual(['migrate']);
});

test('services wait for services that exist, in a way those can fulfil', () => {
  for (const [name, service] of services) {
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(compose.services[other], `${name} waits for ${other}`).toBeDefined();
      const checked = compose.services[other]?.healthcheck?.test !== undefined;
      expect(condition).toBe(checked ? 'service_healthy' : 'service_completed_successfully');
    }
  }
});

test('the processes started are files of the project, and the image holds them', () => {
  const dockerfile = read('Dockerfile');
  const entries = services.flatMap(([, { build, command }]) => (build && command?.[1] ? [command[1]] : []));
  expect(entries.sort()).toEqual(['api/server.ts', 'scripts/migrate.ts', 'workers/main.ts']);
  for (const entry of entries) {
    expect(existsSync(join(root, entry)), entry).toBe(true);
    expect(dockerfile).toContain(`COPY ${entry.split('/')[0]} `);
  }
});

test('the Procfile starts the same entries as the compose file', () => {
  const lines = read('Procfile').trim().split('\n');
  expect(lines).toEqual([
    'api: node scripts/bootstrap.mjs api/server.ts',
    'workers: node scripts/bootstrap.mjs workers/main.ts',
  ]);
});

test('no secret stands in the compose file: each must come from the environment', () => {
  for (const [name, service] of services) {
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      if (!/PASSWORD|TOKEN|SECRET|DATABASE_URL/.test(variable)) continue;
      expect(value, `${variable} of ${name}`).toMatch(/\$\{[A-Z_]+:\?[^}]+\}/);
    }
  }
});

test('Redis loses no job: appended to disk before the answer, nothing evicted', () => {
  const command = compose.services.redis?.command?.join(' ');
  expect(command).toContain('--appendonly yes --appendfsync always --maxmemory-policy noeviction');
});

test('data outlives its container, and nothing but the API and the mail page is published', () => {
  const mounted = services.flatMap(([, service]) => service.volumes ?? []);
  expect(mounted.map((mount) => mount.split(':')[0]).sort()).toEqual(Object.keys(compose.volumes).sort());
  const published = services.filter(([, service]) => service.ports).map(([name]) => name);
  expect(published.sort()).toEqual(['api', 'mail']);
});
