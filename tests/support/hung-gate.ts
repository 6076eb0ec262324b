// A way to a provider that hangs for one tenant alone: its requests are taken and never answered.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HungGate {
  url: string;
  /** Where all else goes. */
  leadTo(url: string): void;
  /** Requests with this in their authorization hang from now on. */
  hold(mark: string): void;
  /** Nothing hangs any more; what hung is cut off. */
  letGo(): void;
  /** How many requests were held so far. */
  held(): number;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export async function openHungGate(): Promise<HungGate> {
  let target = '';
  let mark: string | undefined;
  let held = 0;
  const hanging = new Set<ServerResponse>();
  const server = createServer((incoming, response) => {
    if (mark === undefined || !incoming.headers.authorization?.includes(mark))
      return pass(target, incoming, response);
    held += 1;
    hanging.add(response);
    incoming.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    leadTo(url) {
      target = url;
    },
    hold(text) {
      mark = text;
    },
    letGo() {
      mark = undefined;
      for (const response of hanging) response.destroy();
      hanging.clear();
    },
    held: () => held,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pass(target: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { method, headers, url = '/' } = incoming;
  const onward = request(target + url, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  incoming.pipe(onward);
}
