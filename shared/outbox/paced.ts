// Runs something at once when it is quiet, and once per interval when it is asked for often.

/** `work` runs within `gapMs` milliseconds of every call, at most once per `gapMs`. A pending run holds no process up. */
export function paced(gapMs: number, work: () => void): () => void {
  let lastRun = Number.NEGATIVE_INFINITY;
  let waiting = false;
  const run = () => {
    waiting = false;
    lastRun = performance.now();
    work();
  };
  return () => {
    if (waiting) return;
    const due = lastRun + gapMs - performance.now();
    if (due <= 0) return run();
    waiting = true;
    setTimeout(run, due).unref();
  };
}
