// Bounds how long an answer waits for something that may be gone.

/**
 * Rejects after `msMax` milliseconds. The work goes on: it cannot be taken back, and its late failure
 * is nobody's any more.
 */
export async function within<T>(msMax: number, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${msMax} ms`)), msMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets callers share the work that is under way, so that a dependency that hangs is asked once and not once a poll. */
export function shareWork<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= work().finally(() => {
      running = undefined;
    });
    return running;
  };
}
