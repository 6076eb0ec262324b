// Disputes from their opening to their end, with the money that moves, or does not, on the way.
import { randomInt } from 'node:crypto';
import { viewDispute } from './disputes.ts';
import { fromMinor } from './money.ts';
import { book } from './money-moves.ts';
import { type Capture, type Dispute, type MoneyMovement, mustFind, newId, type World } from './world.ts';

/** Money that a dispute moves. PayPal's list does not say of which capture; its reporting does. */
export interface Movement {
  /** DEBIT takes from the party. */
  type: MoneyMovement['type'];
  /** Minor units of the dispute's currency. */
  amount: number;
  /** SELLER when left out. A case that PayPal pays itself moves PAYMENT_PROCESSOR's and BUYER's money only. */
  party?: MoneyMovement['affected_party'];
  /** DISPUTE_SETTLEMENT when left out. */
  reason?: MoneyMovement['reason'];
  /** The dispute's first when left out. */
  captureId?: string;
}

export interface DisputeOpening {
  captureIds: string[];
  /** Minor units; all the captures' money when left out. */
  amount?: number;
  /** INQUIRY when left out. */
  stage?: Dispute['stage'];
  /** OPEN in an inquiry, else WAITING_FOR_SELLER_RESPONSE. */
  status?: Dispute['status'];
  /** EXTERNAL is a chargeback at the payer's bank. INTERNAL when left out. */
  channel?: Dispute['channel'];
  reason?: string;
  movements?: Movement[];
}

export interface DisputeEnd {
  outcome:
    | 'RESOLVED_BUYER_FAVOUR'
    | 'RESOLVED_SELLER_FAVOUR'
    | 'RESOLVED_WITH_PAYOUT'
    | 'CANCELED_BY_BUYER'
    | 'ACCEPTED'
    | 'DENIED'
    | 'NONE';
  /** What the payer got, from whomever; minor units. */
  refunded?: number;
  movements?: Movement[];
}

export interface BankDisputes {
  /** CUSTOMER.DISPUTE.CREATED. Gives the dispute's id. */
  openDispute(opening: DisputeOpening): string;
  /** CUSTOMER.DISPUTE.UPDATED: a new stage or status, or money, or nothing at all. */
  updateDispute(
    disputeId: string,
    change?: { stage?: Dispute['stage']; status?: Dispute['status']; movements?: Movement[] },
  ): void;
  /** CUSTOMER.DISPUTE.RESOLVED. Money moves only as `movements` say, whatever the outcome. */
  resolveDispute(disputeId: string, end: DisputeEnd): void;
}

export function createBankDisputes(world: World): BankDisputes {
  return {
    openDispute(opening) {
      const dispute = newDispute(world, opening);
      dispute.account.disputes.set(dispute.id, dispute);
      move(dispute, opening.movements);
      announce(world, dispute, 'CREATED', `A new dispute opened with Case # ${dispute.id}`);
      return dispute.id;
    },
    updateDispute(id, change = {}) {
      const dispute = mustFind(world, 'disputes', id);
      dispute.stage = change.stage ?? dispute.stage;
      dispute.status = change.status ?? dispute.status;
      touch(dispute);
      move(dispute, change.movements);
      announce(world, dispute, 'UPDATED', `A dispute was updated with case # ${id}`);
    },
    resolveDispute(id, { outcome, refunded, movements }) {
      const dispute = mustFind(world, 'disputes', id);
      dispute.status = 'RESOLVED';
      dispute.outcome = {
        outcome_code: outcome,
        ...(refunded !== undefined && { amount_refunded: fromMinor(refunded, dispute.currency) }),
      };
      touch(dispute);
      move(dispute, movements);
      announce(world, dispute, 'RESOLVED', `A dispute was resolved with case # ${id}`);
    },
  };
}

function newDispute(world: World, opening: DisputeOpening): Dispute {
  const captures = opening.captureIds.map((id) => mustFind(world, 'captures', id));
  const [first] = captures;
  if (first === undefined) throw new Error('a dispute needs a capture');
  const { account, currency } = first.order;
  if (captures.some(({ order }) => order.account !== account || order.currency !== currency)) {
    throw new Error('a dispute is about captures of one account and currency');
  }
  const stage = opening.stage ?? 'INQUIRY';
  const now = new Date();
  return {
    id: `PP-R-${newId().slice(0, 3)}-${randomInt(10_000_000, 99_999_999)}`,
    account,
    captures,
    reason: opening.reason ?? 'MERCHANDISE_OR_SERVICE_NOT_RECEIVED',
    status: opening.status ?? (stage === 'INQUIRY' ? 'OPEN' : 'WAITING_FOR_SELLER_RESPONSE'),
    stage,
    channel: opening.channel ?? 'INTERNAL',
    amount: opening.amount ?? captures.reduce((sum, { amount }) => sum + amount, 0),
    currency,
    outcome: undefined,
    movements: [],
    createdAt: now,
    updatedAt: now,
  };
}

/** Update times must rise, or a reader could not tell which of two states is the later. */
function touch(dispute: Dispute): void {
  dispute.updatedAt = new Date(Math.max(Date.now(), dispute.updatedAt.getTime() + 1));
}

function move(dispute: Dispute, movements: Movement[] = []): void {
  for (const { type, amount, party = 'SELLER', reason = 'DISPUTE_SETTLEMENT', captureId } of movements) {
    const capture =
      captureId === undefined ? dispute.captures[0] : dispute.captures.find(({ id }) => id === captureId);
    if (capture === undefined) throw new Error(`the dispute is not about capture ${captureId}`);
    const at = dispute.updatedAt;
    dispute.movements.push({
      affected_party: party,
      amount: fromMinor(amount, dispute.currency),
      initiated_time: at.toISOString(),
      type,
      reason,
    });
    if (party !== 'SELLER') continue;
    bookMovement(dispute, capture, type === 'DEBIT' ? -amount : amount, reason);
  }
}

function bookMovement(
  dispute: Dispute,
  capture: Capture,
  amount: number,
  reason: MoneyMovement['reason'],
): void {
  book(dispute.account, {
    id: newId(),
    referenceId: capture.id,
    referenceType: 'TXN',
    code: codeOf(dispute, amount, reason),
    amount,
    fee: 0,
    currency: dispute.currency,
    status: () => 'S',
    customId: capture.order.customId,
    invoiceId: capture.order.invoiceId,
    at: dispute.updatedAt,
  });
}

/** PayPal's transaction event codes: holds T1110 and T1111, chargebacks T1201 and T1202, fees T0106. */
function codeOf({ channel, status }: Dispute, amount: number, reason: MoneyMovement['reason']): string {
  if (reason !== 'DISPUTE_SETTLEMENT') return 'T0106';
  if (channel === 'EXTERNAL') return amount < 0 ? 'T1201' : 'T1202';
  if (amount > 0) return 'T1111';
  return status === 'RESOLVED' ? 'T1106' : 'T1110';
}

function announce(world: World, dispute: Dispute, what: string, summary: string): void {
  world.emit(dispute.account, {
    type: `CUSTOMER.DISPUTE.${what}`,
    resourceType: 'dispute',
    summary,
    resource: viewDispute(world, dispute),
    about: dispute.id,
  });
}
