// Reads PayPal's published OpenAPI files out of the npm package that carries them, where that is installed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createSchemaCheck, type SchemaCheck } from '../kit/schema-check.ts';

const packageName = '@paypal/paypal-rest-api-specifications';

/** Where each schema stands: [file, name in its components]. Requests first, then what we answer. */
const places = {
  order_request: ['checkout_orders_v2', 'order_request'],
  order_capture_request: ['checkout_orders_v2', 'order_capture_request'],
  refund_request: ['payments_payment_v2', 'refund_request'],
  verify_webhook_signature: ['notifications_webhooks_v1', 'verify_webhook_signature'],
  order: ['checkout_orders_v2', 'order'],
  capture: ['payments_payment_v2', 'capture-2'],
  refund: ['payments_payment_v2', 'refund'],
  dispute: ['customer_disputes_v1', 'dispute'],
  dispute_search: ['customer_disputes_v1', 'dispute_search'],
  search_response: ['reporting_transactions_v1', 'search_response'],
} as const;

type PublishedName = keyof typeof places;

/** Formats that JSON Schema knows; PayPal names many of its own, which would only be warned about. */
const knownFormats = new Set(['uri', 'date-time', 'email', 'uuid']);

function findFolder(): string | undefined {
  const { resolve } = createRequire(import.meta.url);
  try {
    return join(dirname(resolve(`${packageName}/package.json`)), 'openapi');
  } catch {
    return undefined;
  }
}

/** Takes away what Ajv does not know, and nothing else. */
function withoutOwnFormats(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOwnFormats);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key !== 'format' || typeof inner !== 'string' || knownFormats.has(inner))
      .map(([key, inner]) => [key, withoutOwnFormats(inner)]),
  );
}

const files = new Map<string, unknown>();

/** The components of a file, read once for a process. */
function componentsOf(folder: string, file: string): unknown {
  const path = join(folder, `${file}.json`);
  if (!files.has(path)) files.set(path, withoutOwnFormats(JSON.parse(readFileSync(path, 'utf8'))));
  return (files.get(path) as { components?: unknown }).components;
}

function compile(folder: string, name: PublishedName): SchemaCheck {
  const [file, component] = places[name];
  const components = componentsOf(folder, file);
  return createSchemaCheck({ [name]: { $ref: `#/components/schemas/${component}`, components } });
}

/**
 * A check against PayPal's own schemas; undefined where the package is not installed. The files are
 * PayPal's, under the Apache licence 2.0: they stay in their package, none is copied here.
 */
export function createPublishedCheck(): ((name: PublishedName, value: unknown) => string[]) | undefined {
  const folder = findFolder();
  if (folder === undefined) return undefined;
  const checks = new Map<PublishedName, SchemaCheck>();
  return (name, value) => {
    // One by one as they are needed: the files are large, and a test needs few of them.
    const check = checks.get(name) ?? compile(folder, name);
    checks.set(name, check);
    return check(name, value);
  };
}
