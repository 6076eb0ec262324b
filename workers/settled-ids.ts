// Remembers operations that were settled along with others, so that the jobs that carry them need no transaction.

/** Far more than are journaled and not taken from the queue, unless it is far behind; then they are looked up. */
const idsMax = 20_000;

export interface SettledIds {
  /** Of what a committed transaction decided. */
  remember(ids: Iterable<string>): void;
  /** Those of the ids that may still wait. */
  unsettled(ids: string[]): string[];
  /** Their jobs are done: nobody asks again. */
  forget(ids: Iterable<string>): void;
}

/** Of this process: what another one settled is found out by looking. An outcome is never taken back, so none becomes wrong. */
export function createSettledIds(max = idsMax): SettledIds {
  const settled = new Set<string>();
  return {
    remember(ids) {
      for (const id of ids) settled.add(id);
      for (const id of settled) {
        if (settled.size <= max) break;
        settled.delete(id);
      }
    },
    unsettled: (ids) => (settled.size === 0 ? ids : ids.filter((id) => !settled.has(id))),
    forget(ids) {
      for (const id of ids) settled.delete(id);
    },
  };
}
