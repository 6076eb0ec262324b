// Ties a server to the life of this process: however we end, even by kill -9, it is asked to stop.
import { spawn } from 'node:child_process';

/** What the tether calls itself in the process list, before the pid that it watches for. */
export const tetherName = 'coinlane-tether';

/**
 * Starts a tiny shell that waits for the pipe between us to close, which the kernel does when we die, and
 * then signals `pid`. It has a session of its own, so that a Ctrl-C in the terminal does not reach it.
 * @returns ends the tether; to be called when the process it is for has ended
 */
export function tether(pid: number, signal: 'INT' | 'KILL'): () => void {
  const shell = spawn('/bin/sh', ['-c', 'read -r _; kill "-$2" "$1"', tetherName, String(pid), signal], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.unref();
  // The pipe must not keep us alive either, nor matter when the shell was killed.
  if ('unref' in shell.stdin) (shell.stdin as unknown as { unref(): void }).unref();
  shell.stdin.on('error', () => undefined);
  shell.once('error', () => undefined);
  return () => void shell.kill('SIGKILL');
}
