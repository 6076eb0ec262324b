// Waits for what is about to become true, instead of for a time.
import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `condition` gives something truthy, and returns that. @throws Error naming `what` after the time */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  waitMsMax = 60_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + waitMsMax;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (performance.now() > deadline) throw new Error(`waited ${waitMsMax} ms in vain for: ${what}`);
    await sleep(15);
  }
}
