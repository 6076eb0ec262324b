// Array parameters of values that never need quoting, written without looking at each for quotes.

/**
 * An array literal (PostgreSQL manual, section 8.15.2) of ids, numbers, booleans or our own words; null is NULL.
 * pg's own serialiser examines every element for quotes, which costs more than the rest of a large batch.
 * Never for text that came from outside.
 */
export function arrayLiteral(values: readonly (string | number | boolean | null)[]): string {
  return `{${values.map((value) => (value === '' ? '""' : (value ?? 'NULL'))).join(',')}}`;
}

/**
 * The values, or null when there is none among them: `unnest` fills a shorter array up with nulls, and a
 * column that nobody uses costs nothing. At least one array beside it must be whole.
 */
export function unlessEmpty<T>(values: (T | null)[]): (T | null)[] | null {
  return values.some((value) => value !== null) ? values : null;
}

/**
 * A relation for FROM: each of `columns`, such as `id uuid, amount bigint`, is one of the arrays $1, $2, …, in this order.
 * Each place in them is a row; the first comes first. `unnest` stands in a list of columns, which goes through the arrays
 * as it is read: in FROM, Postgres stores each array as a table of its own first, and few rows cost as much as that.
 */
export function unnested(columns: string): string {
  const list = columns.split(/,\s+/).map((column, i) => {
    const [name, type] = column.split(' ');
    return `unnest($${i + 1}::${type}[]) as ${name}`;
  });
  return `(select ${list.join(', ')}) as u`;
}
