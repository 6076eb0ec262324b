-- What of the sandbox's money goes back and comes again: refunds made by hand, disputes that end, and when things changed.

-- What was there before counts as changed now: to look once too often does no harm.
alter table coinlane.sandbox_payments
  add column changed_at timestamptz not null default clock_timestamp(),
  add constraint sandbox_payments_moved_check check (refunded >= 0 and disputed >= 0);
comment on column coinlane.sandbox_payments.disputed is
  'What the bank holds now, in minor units: withdrawals less reinstatements.';

-- A refund that was made by hand has neither a key nor an id of ours.
alter table coinlane.sandbox_refunds
  alter column idempotency_key drop not null,
  -- In the order that the payment's lock gives, which the start of a transaction does not tell.
  alter column created_at set default clock_timestamp(),
  add column refund_id uuid;
update coinlane.sandbox_refunds set refund_id = substr(idempotency_key, 8)::uuid
  where idempotency_key ~ '^refund-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';

alter table coinlane.sandbox_disputes
  drop constraint sandbox_disputes_payment_ref_key,
  alter column created_at set default clock_timestamp(),
  add column status text not null default 'open' check (status in ('open', 'won', 'lost')),
  -- Given back when the dispute was won, in minor units; may be a part.
  add column reinstated bigint not null default 0,
  add column changed_at timestamptz not null default clock_timestamp(),
  add constraint sandbox_disputes_reinstated_check
    check (reinstated between 0 and amount and (status = 'won') = (reinstated > 0));

-- The bank decides on one dispute of a payment at a time.
create unique index sandbox_disputes_undecided on coinlane.sandbox_disputes (payment_ref) where status = 'open';
create index sandbox_disputes_of_payment on coinlane.sandbox_disputes (payment_ref);
create index sandbox_refunds_of_payment on coinlane.sandbox_refunds (payment_ref);

create index sandbox_payments_changes on coinlane.sandbox_payments (tenant, changed_at);
create index sandbox_refunds_changes on coinlane.sandbox_refunds (tenant, created_at);
create index sandbox_disputes_changes on coinlane.sandbox_disputes (tenant, changed_at);
