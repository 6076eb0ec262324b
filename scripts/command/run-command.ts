// How a command begins and ends: its code is the process's, and faults of the settings come as their message alone.
import { ConfigError } from '#shared/config/env.ts';

/** Ends the process with what `main` resolves to, or with 1 when it fails. */
export function runCommand(main: () => Promise<number>): void {
  main().then(
    (code) => process.exit(code),
    (error: unknown) => {
      console.error(error instanceof ConfigError ? error.message : error);
      process.exit(1);
    },
  );
}
