// An emulated PayPal, for tests and for trying out the whole way of a payment without an account there.
import type { Emulator } from '../kit/emulator.ts';
import { startEmulatorServer } from '../kit/emulator-server.ts';
import { createFaults } from '../kit/faults.ts';
import { randomText } from '../kit/random-text.ts';
import { createWebhookOutbox } from '../kit/webhook-outbox.ts';
import { type BankActions, createBankActions } from './bank.ts';
import { createAnnouncer } from './notifications.ts';
import { createPayerActions, type PayerActions } from './payer.ts';
import { errorBody } from './reply.ts';
import { createRequestIds } from './request-ids.ts';
import { type RequestCheck, requestCheck } from './request-schemas.ts';
import { createRouter } from './routes.ts';
import { createSigner, type SigningOptions } from './signature.ts';
import {
  type Account,
  newAccountId,
  type PaypalAccountOptions,
  type PaypalBehaviour,
  type World,
} from './world.ts';

export interface PaypalEmulator extends Emulator {
  /** Throws when the client id is taken. */
  addAccount(options: PaypalAccountOptions): void;
  payer: PayerActions;
  bank: BankActions;
  behaviour: PaypalBehaviour;
  /** Against whose schemas write requests are checked. */
  checkedBy: RequestCheck['by'];
  /** Every access token given so far is refused from now on. */
  expireTokens(): void;
  /** Every PayPal-Request-Id is forgotten, as if its hours or days had gone by. */
  forgetKeys(): void;
  /** All headers of a delivery of this text, signed for the account's webhook, or forged. */
  signedHeaders(clientId: string, body: string, options?: SigningOptions): Record<string, string>;
}

/** Starts on a free port of 127.0.0.1 unless told otherwise. Everything is kept in memory. */
export async function startPaypalEmulator(
  options: { port?: number; host?: string } = {},
): Promise<PaypalEmulator> {
  const behaviour: PaypalBehaviour = { failSimultaneous: false, keepRefusals: false, reportingLagMs: 0 };
  const accounts = new Map<string, Account>();
  const faults = createFaults();
  const signer = createSigner();
  const outbox = createWebhookOutbox({
    headersOf: (event) => headersFor(mustAccount(accounts, event.account), event.body),
  });
  const complaints: string[] = [];
  const world: World = {
    base: '',
    accounts,
    behaviour,
    complaints,
    emit: createAnnouncer(outbox, () => world.base),
  };
  const headersFor = (account: Account, body: string, signing?: SigningOptions) => ({
    'content-type': 'application/json',
    'user-agent': 'PayPal/AUHD-214.0-58391792',
    ...signer.headersFor(body, account.webhookId, world.base, signing),
  });
  const ids = createRequestIds(behaviour);
  const server = await startEmulatorServer({
    ...options,
    faults,
    answer: createRouter({ world, ids, signer, outbox }),
    errorBody: (status) => errorBody(nameOfStatus(status), []),
  });
  world.base = server.url;

  return {
    url: server.url,
    faults,
    requests: server.requests,
    webhooks: outbox,
    complaints,
    behaviour,
    checkedBy: requestCheck().by,
    addAccount: (account) => addAccount(accounts, account),
    payer: createPayerActions(world),
    bank: createBankActions(world),
    expireTokens() {
      for (const { tokens } of accounts.values()) for (const token of tokens.keys()) tokens.set(token, 0);
    },
    forgetKeys: () => ids.forget(),
    signedHeaders: (clientId, body, signing) => headersFor(mustAccount(accounts, clientId), body, signing),
    async close() {
      outbox.close();
      await server.close();
    },
  };
}

function addAccount(accounts: Map<string, Account>, options: PaypalAccountOptions): void {
  if (accounts.has(options.clientId)) throw new Error(`there is an account ${options.clientId} already`);
  accounts.set(options.clientId, {
    ...options,
    merchantId: newAccountId(),
    email: `merchant-${randomText(6, 'abcdefghijklmnopqrstuvwxyz')}@business.example.com`,
    tokens: new Map(),
    orders: new Map(),
    captures: new Map(),
    refunds: new Map(),
    disputes: new Map(),
    transactions: [],
    events: new Map(),
  });
}

function mustAccount(accounts: Map<string, Account>, clientId: string): Account {
  const account = accounts.get(clientId);
  if (account === undefined) throw new Error(`the emulator has no account ${clientId}`);
  return account;
}

/** What PayPal calls an error that a test only gave a status for. */
function nameOfStatus(status: number): string {
  const names: Record<number, string> = {
    400: 'INVALID_REQUEST',
    401: 'AUTHENTICATION_FAILURE',
    404: 'RESOURCE_NOT_FOUND',
    409: 'RESOURCE_CONFLICT',
    422: 'UNPROCESSABLE_ENTITY',
    429: 'RATE_LIMIT_REACHED',
    503: 'SERVICE_UNAVAILABLE',
  };
  return names[status] ?? 'INTERNAL_SERVER_ERROR';
}
