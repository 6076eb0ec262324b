// Tells many histories at once when what they sent is settled: one look at the journal for all of them.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Services } from '#shared/boot/services.ts';
import { withTenant } from '#shared/db/pool.ts';

export interface Watch {
  /** Resolves once none of these is due; they are in the journal already. @throws AssertionError after two minutes */
  settled(ids: string[]): Promise<void>;
}

const lookMs = 15;
const patienceMs = 120_000;

interface Waiting {
  ids: string[];
  until: number;
  resolve(): void;
  reject(error: unknown): void;
}

export function openWatch({ db }: Pick<Services, 'db'>, tenant: string): Watch {
  const waiting = new Set<Waiting>();
  let looking = false;

  const look = async () => {
    // Those who came meanwhile may have sent what this look is too early to see.
    const asked = [...waiting];
    const { rows } = await withTenant(db.app, tenant, (tx) =>
      tx.query<{ id: string }>('select id from operations where due'),
    );
    const due = new Set(rows.map(({ id }) => id));
    for (const each of asked) {
      each.ids = each.ids.filter((id) => due.has(id));
      if (each.ids.length === 0) each.resolve();
      else if (Date.now() > each.until)
        each.reject(new assert.AssertionError({ message: 'everything that was accepted gets its outcome' }));
      else continue;
      waiting.delete(each);
    }
  };

  const lookOn = async () => {
    looking = true;
    try {
      while (waiting.size > 0) {
        await look();
        await sleep(lookMs);
      }
    } catch (error) {
      for (const each of waiting) each.reject(error);
      waiting.clear();
    } finally {
      looking = false;
    }
  };

  return {
    settled(ids) {
      return new Promise((resolve, reject) => {
        waiting.add({ ids, until: Date.now() + patienceMs, resolve, reject });
        if (!looking) void lookOn();
      });
    },
  };
}
