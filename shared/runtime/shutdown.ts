// Ordered closing on SIGTERM and SIGINT: what was opened last is closed first, each step with a deadline.
import type { Log } from './log.ts';

export interface Shutdown {
  /** Registers a step; steps run in reverse order of registration. */
  add(name: string, close: () => Promise<unknown> | unknown): void;
  /** Runs the steps once; later calls wait for the first. */
  run(reason: string): Promise<void>;
  readonly started: boolean;
}

/** `stepMsMax`: how long one step may take before the next begins anyway, in milliseconds. */
export function createShutdown(log: Log, stepMsMax = 15_000): Shutdown {
  const steps: { name: string; close: () => Promise<unknown> | unknown }[] = [];
  let running: Promise<void> | undefined;
  const runSteps = async (reason: string) => {
    log.info({ reason }, 'closing');
    for (const step of steps.reverse()) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), stepMsMax);
      });
      try {
        const result = await Promise.race([Promise.resolve(step.close()), late]);
        if (result === 'late') log.warn({ step: step.name, stepMsMax }, 'a closing step took too long');
      } catch (error) {
        log.error({ err: error, step: step.name }, 'a closing step failed');
      } finally {
        clearTimeout(timer);
      }
    }
    log.info('closed');
  };
  return {
    add: (name, close) => void steps.push({ name, close }),
    run: (reason) => (running ??= runSteps(reason)),
    get started() {
      return running !== undefined;
    },
  };
}

/** Ends the process in order on SIGTERM, SIGINT, an uncaught exception or an unhandled rejection. */
export function closeOnSignals(shutdown: Shutdown, log: Log): void {
  const end = (reason: string, code: number) => {
    if (shutdown.started) return;
    void shutdown.run(reason).then(() => process.exit(code));
  };
  // Whoever read the log is gone: no reason to stop, and none to fail at every line.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.on('SIGTERM', () => end('SIGTERM', 0));
  process.on('SIGINT', () => end('SIGINT', 0));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    end('uncaughtException', 1);
  });
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'unhandled rejection');
    end('unhandledRejection', 1);
  });
}
