// A Stripe that runs here: the real SDK talks to it, its payers and banks do what a test tells them to.
import type { Emulator } from '../kit/emulator.ts';
import { startEmulatorServer } from '../kit/emulator-server.ts';
import { createFaults } from '../kit/faults.ts';
import { answerApi } from './api-server.ts';
import { answerPage } from './checkout-page.ts';
import { createEvents, type SignedDelivery } from './events.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { createBank, createPayer, type StripeBank, type StripePayer } from './payer-and-bank.ts';
import { expireDueSessions } from './sessions.ts';
import { ownFault } from './stripe-failure.ts';
import { createAccount, type StripeAccountOptions, type StripeWorld } from './stripe-world.ts';
import type { StripeSigning } from './webhook-signature.ts';

export interface StripeEmulator extends Emulator {
  /** A known secret key keeps its objects and gets the new webhook settings. Gives the acct_… id. */
  addAccount(options: StripeAccountOptions): string;
  payer: StripePayer;
  bank: StripeBank;
  /** How events are signed from now on; empty for the account's secret and the true time. */
  signing: StripeSigning;
  /** What would be delivered for an event: for tests that post it themselves. Throws for an unknown id. */
  signedDelivery(eventId: string, signing?: StripeSigning): SignedDelivery;
  /** All idempotency keys lapse, as after a day. */
  forgetKeys(): void;
  /** Moves Stripe's clock, which dates objects and expires sessions; signatures keep the true time. */
  advance(seconds: number): void;
}

/** Listens on a free port of 127.0.0.1 unless told otherwise; rejects when the port is taken. */
export async function startStripeEmulator(
  options: { port?: number; host?: string } = {},
): Promise<StripeEmulator> {
  const faults = createFaults();
  const complaints: string[] = [];
  const keys = new IdempotencyKeys();
  let aheadSeconds = 0;
  const world: StripeWorld = {
    url: '',
    accounts: new Map(),
    now: () => Math.floor(Date.now() / 1000) + aheadSeconds,
    cause: undefined,
    emit: (...event) => events.emit(...event),
  };
  const events = createEvents(world, () => emulator.signing);
  const server = await startEmulatorServer({
    ...options,
    faults,
    errorBody: ownFault,
    answer: (request) => {
      expireDueSessions(world);
      return answerPage(world, request) ?? answerApi({ world, keys, complaints }, request);
    },
  });
  world.url = server.url;

  const emulator: StripeEmulator = {
    url: server.url,
    faults,
    requests: server.requests,
    webhooks: events.outbox,
    complaints,
    signing: {},
    payer: createPayer(world),
    bank: createBank(world),
    addAccount: (settings) => addAccount(world, settings),
    signedDelivery: (eventId, signing = {}) => events.sign(eventId, signing),
    forgetKeys: () => keys.forget(),
    advance(seconds) {
      aheadSeconds += seconds;
      expireDueSessions(world);
    },
    async close() {
      events.outbox.close();
      await server.close();
    },
  };
  return emulator;
}

function addAccount(world: StripeWorld, settings: StripeAccountOptions): string {
  const known = world.accounts.get(settings.secretKey);
  const account = known === undefined ? createAccount(settings) : Object.assign(known, settings);
  world.accounts.set(settings.secretKey, account);
  return account.id;
}
