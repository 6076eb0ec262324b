// A process that owns an embedded Postgres, for tests that kill it: prints one line, then works on regardless.
import { startPostgres } from '../../scripts/embedded/postgres.ts';

const dataDir = process.argv[2] ?? '';
// A drain that takes long: the terminal's Ctrl-C must not take the database away from under it.
process.on('SIGINT', () => process.stdout.write('draining\n'));
try {
  const { pid, port, url } = await startPostgres({
    dataDir,
    log: () => undefined,
    settings: { shared_buffers: '16MB' },
  });
  process.stdout.write(`${JSON.stringify({ pid, port, url })}\n`);
} catch (error) {
  process.stdout.write(`${JSON.stringify({ refused: String(error) })}\n`);
  process.exit(1);
}
setInterval(() => undefined, 1000);
