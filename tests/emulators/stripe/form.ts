// Stripe's wire format for requests: form fields whose names say with brackets where they belong.

export type FormValue = string | FormValue[] | { [name: string]: FormValue };
type Branch = Map<string, string | Branch>;

/** `a[b][0]=c` as `{a: {b: ['c']}}`. Everything stays text. */
export function decodeForm(text: string | URLSearchParams): Record<string, FormValue> {
  const root: Branch = new Map();
  for (const [name, value] of new URLSearchParams(text)) {
    const steps = name.replaceAll(']', '').split('[');
    let branch = root;
    for (const step of steps.slice(0, -1)) {
      const known = branch.get(step);
      const next: Branch = known instanceof Map ? known : new Map();
      branch.set(step, next);
      branch = next;
    }
    const last = steps.at(-1) ?? '';
    // `types[]=a&types[]=b`: an empty name is the next place in a list.
    branch.set(last === '' ? String(branch.size) : last, value);
  }
  return fromBranch(root, '') as Record<string, FormValue>;
}

function fromBranch(branch: Branch, name: string): FormValue {
  const entries = [...branch].map(
    ([key, value]) => [key, value instanceof Map ? fromBranch(value, key) : value] as const,
  );
  // Metadata is a record even when somebody calls their keys 0 and 1.
  const isList = name !== '' && name !== 'metadata' && entries.every(([key], index) => key === String(index));
  return isList ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}
