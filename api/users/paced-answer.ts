// How work that reads much sends its lines while it reads, a few at a time and never faster than they are taken.
import { Problem } from '#shared/contracts/problem.ts';
import { within } from '../time-limit.ts';

/** Sends text; resolves once the reader wants more. @throws when the reader is gone, or does not read on. */
export type Send = (text: string) => Promise<void>;

/** A reader that takes nothing for so long loses its answer: it holds a connection to the database. */
const stallMsMax = 30_000;

/**
 * The answer of `work`, which starts when somebody begins to read. What it throws breaks the answer off, so
 * that half of it never looks whole. `done` is called once, however it ends.
 */
export function streamText(
  work: (send: Send) => Promise<void>,
  done: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let wanted = Promise.withResolvers<void>();
  let running: Promise<void> | undefined;
  let gone: unknown;
  // An answer to HEAD is never read.
  const unread = setTimeout(done, stallMsMax).unref();
  const run = async (controller: ReadableStreamDefaultController) => {
    const send: Send = async (text) => {
      if (gone !== undefined) throw gone;
      wanted = Promise.withResolvers();
      controller.enqueue(encoder.encode(text));
      if ((controller.desiredSize ?? 0) <= 0) await within(stallMsMax, wanted.promise);
    };
    try {
      await work(send);
      controller.close();
    } catch (error) {
      if (gone === undefined) controller.error(error);
    } finally {
      done();
    }
  };
  return new ReadableStream(
    {
      pull(controller) {
        clearTimeout(unread);
        wanted.resolve();
        running ??= run(controller);
      },
      cancel(reason) {
        gone = reason ?? new Error('nobody reads on');
        wanted.reject(gone);
        clearTimeout(unread);
        if (!running) done();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Lets so many in at a time. */
export function createTurnstile(max: number) {
  let inside = 0;
  return {
    /** @returns what has to be called at the end. @throws Problem overloaded */
    enter(): () => void {
      if (inside >= max) {
        throw new Problem('overloaded', { detail: 'Others are being served.', retryAfterSeconds: 5 });
      }
      inside += 1;
      let left = false;
      return () => {
        if (!left) inside -= 1;
        left = true;
      };
    },
  };
}
