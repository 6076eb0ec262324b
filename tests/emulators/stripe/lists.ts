// Stripe's lists: newest first, cut by time and by cursor, and telling whether there is more.
import type { FormValue } from './form.ts';
import { invalidRequest, missing } from './stripe-failure.ts';

interface Listed {
  id: string;
  /** Unix seconds. */
  created: number;
}

export interface StripeList<T> {
  object: 'list';
  data: T[];
  has_more: boolean;
  url: string;
}

export interface ListRequest {
  url: string;
  /** What an unknown cursor is called in the error. */
  kind: string;
  parameters: Record<string, FormValue>;
  /** Parameters that must equal the field of the same name. */
  filters: string[];
}

const paging = ['created', 'limit', 'starting_after', 'ending_before'];

/** One page. Refuses parameters that the list does not know, as Stripe does. */
export function listPage<T extends Listed>(stored: Iterable<T>, request: ListRequest): StripeList<T> {
  const { parameters, filters } = request;
  const unknown = Object.keys(parameters).find((name) => !paging.includes(name) && !filters.includes(name));
  if (unknown !== undefined) {
    throw invalidRequest(`Received unknown parameter: ${unknown}`, {
      code: 'parameter_unknown',
      param: unknown,
    });
  }
  const inRange = readRange(parameters.created);
  const newestFirst = [...stored]
    .reverse()
    .filter((item) => inRange(item.created))
    .filter((item) => filters.every((name) => matches(item, name, parameters[name])))
    .sort((one, other) => other.created - one.created);
  return { object: 'list', ...cut(newestFirst, request), url: request.url };
}

function matches(item: object, name: string, wanted: FormValue | undefined): boolean {
  if (wanted === undefined) return true;
  // `types` of the event list names several of `type`.
  if (Array.isArray(wanted)) return wanted.includes(String(Reflect.get(item, name.replace(/s$/, ''))));
  return Reflect.get(item, name) === wanted;
}

function cut<T extends Listed>(
  items: T[],
  { parameters, kind }: ListRequest,
): { data: T[]; has_more: boolean } {
  const limit = readLimit(parameters.limit);
  const { starting_after: after, ending_before: before } = parameters;
  const indexOf = (cursor: FormValue, param: string) => {
    const index = items.findIndex(({ id }) => id === cursor);
    if (index < 0) throw missing(kind, String(cursor), param, 400);
    return index;
  };
  if (before !== undefined) {
    const end = indexOf(before, 'ending_before');
    return { data: items.slice(Math.max(0, end - limit), end), has_more: end > limit };
  }
  const start = after === undefined ? 0 : indexOf(after, 'starting_after') + 1;
  return { data: items.slice(start, start + limit), has_more: items.length > start + limit };
}

function readLimit(value: FormValue | undefined): number {
  const limit = value === undefined ? 10 : readInteger(value, 'limit');
  if (limit < 1) {
    throw invalidRequest('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param: 'limit',
    });
  }
  return Math.min(limit, 100);
}

function readRange(value: FormValue | undefined): (created: number) => boolean {
  if (value === undefined) return () => true;
  if (typeof value === 'string') {
    const exactly = readInteger(value, 'created');
    return (created) => created === exactly;
  }
  const tests = Object.entries(value).map(([bound, text]) => {
    const limit = readInteger(text, `created[${bound}]`);
    if (bound === 'gt') return (created: number) => created > limit;
    if (bound === 'gte') return (created: number) => created >= limit;
    if (bound === 'lt') return (created: number) => created < limit;
    if (bound === 'lte') return (created: number) => created <= limit;
    throw invalidRequest(`Received unknown parameter: created[${bound}]`, { code: 'parameter_unknown' });
  });
  return (created) => tests.every((passes) => passes(created));
}

function readInteger(value: FormValue, param: string): number {
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return Number(value);
  throw invalidRequest(`Invalid integer: ${String(value)}`, { code: 'parameter_invalid_integer', param });
}
