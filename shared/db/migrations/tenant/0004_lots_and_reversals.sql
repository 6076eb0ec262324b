-- Coins by where they came from, what is owed, and money that goes back in whatever way.

-- Every credit is a lot. Its row is written once; what is left of it stands in its wallet, which is locked
-- and written anyway, and can be derived from the entries (docs/decisions/0012).
create table lots (
  -- The operation that credited it.
  id uuid primary key,
  wallet_id uuid not null,
  bucket text not null check (bucket in ('paid', 'bonus')),
  coins bigint not null check (coins > 0),
  -- The money that the coins cost, in the currency's minor unit; null where they cost none.
  price bigint,
  currency text,
  created_at timestamptz not null default statement_timestamp()
);
create index lots_wallet on lots (wallet_id, created_at);
create trigger lots_append_only before update or delete or truncate on lots
  for each statement execute function coinlane.refuse_change();

alter table wallets
  add column debt bigint not null default 0 check (debt between 0 and 9007199254740991),
  -- Open lots in burning order: [id, coins] or [id, coins, 1] for bonus.
  add column lots jsonb not null default '[]';

-- The lots that this posting moved, signed, in the same form.
alter table entries add column lots jsonb;
alter table entries drop constraint entries_account_check;
alter table entries add constraint entries_account_check
  check (account in ('wallet', 'sales', 'purchases', 'grants', 'debt', 'writeoffs'));
create index entries_debt on entries (wallet_id) where account = 'debt';

alter table operations
  -- What happens to coins that are not there, frozen when the operation was journaled.
  add column shortfall text check (shortfall in ('debt', 'clamp', 'freeze'));
create index operations_original on operations (original_id) where original_id is not null;

-- What was in the wallets before lots were counted becomes one opening lot per colour.
create temporary table opening on commit drop as
  select w.id as wallet_id, gen_random_uuid() as paid, gen_random_uuid() as bonus,
    coalesce(sum(e.amount - e.bonus) filter (where e.amount > 0), 0) as paid_coins,
    coalesce(sum(e.bonus) filter (where e.amount > 0), 0) as bonus_coins
  from wallets w join entries e on e.wallet_id = w.id and e.account = 'wallet' group by w.id;
insert into lots (id, wallet_id, bucket, coins)
  select paid, wallet_id, 'paid', paid_coins from opening where paid_coins > 0
  union all select bonus, wallet_id, 'bonus', bonus_coins from opening where bonus_coins > 0;
create function pg_temp.lot_lines(paid uuid, paid_coins bigint, bonus uuid, bonus_coins bigint) returns jsonb
  language sql immutable as $$
  select coalesce(jsonb_agg(line), '[]') from (
    select jsonb_build_array(bonus, bonus_coins, 1) as line where bonus_coins <> 0
    union all select jsonb_build_array(paid, paid_coins) where paid_coins <> 0) as lines
$$;
update wallets w set lots = pg_temp.lot_lines(o.paid, w.balance - w.bonus, o.bonus, w.bonus)
  from opening o where o.wallet_id = w.id;
alter table entries disable trigger entries_append_only;
update entries e set lots = pg_temp.lot_lines(o.paid, e.amount - e.bonus, o.bonus, e.bonus)
  from opening o where o.wallet_id = e.wallet_id and e.account = 'wallet';
alter table entries enable trigger entries_append_only;
-- The connection goes on to the next tenant.
drop function pg_temp.lot_lines(uuid, bigint, uuid, bigint);

-- A process of the version before moves balances and leaves the lots: its writes are refused with a code that
-- it takes for an outage, so that it tries again until a new process has done the work.
create function refuse_writer_without_lots() returns trigger language plpgsql as $$
begin
  raise exception 'this process does not know lots: restart it with the new version' using errcode = '57P03';
end $$;
create trigger wallets_with_lots before update of balance on wallets for each row
  when (new.balance <> old.balance and new.lots = old.lots) execute function refuse_writer_without_lots();

alter table purchases drop constraint purchases_status_check;
alter table purchases add constraint purchases_status_check check (status in
  ('created', 'awaiting_payer', 'processing', 'paid', 'granted', 'failed', 'expired', 'review', 'undeliverable'));
-- Each look at the provider draws a number when it starts; what an older look saw never replaces a newer one.
create sequence purchase_look_seq;
alter table purchases
  add column looked bigint not null default 0,
  -- Money left before the coins were granted, or the process ended between the two: coins must follow.
  add column uneven boolean not null default false;
comment on column purchases.shortfall is 'Coins written off: taken back by a bank, spent, and not owed';
create index purchases_processing on purchases (updated_at) where status in ('processing', 'paid') or uneven;

-- A return of money that was asked for here has the id of its operation; one that was seen at the provider has its own.
alter table purchase_refunds
  add column origin text not null default 'operation'
    check (origin in ('operation', 'undeliverable', 'provider', 'surplus')),
  -- Coins that its operation took; what others cost in coins follows from the money.
  add column coins bigint not null default 0 check (coins >= 0),
  -- Where the money is, when that is not the payment which the purchase was granted for.
  add column payment_ref text;
update purchase_refunds r set coins = coalesce(o.amount, 0) from operations o
  where o.id = r.operation_id and r.operation_id <> r.purchase_id;
update purchase_refunds set origin = 'undeliverable' where operation_id = purchase_id;
create unique index purchase_refunds_surplus on purchase_refunds (payment_ref) where origin = 'surplus';

alter table purchase_disputes
  add column state text not null default 'open' check (state in ('inquiry', 'open', 'closed')),
  -- Money that the bank holds now: withdrawals less reinstatements, without fees.
  add column withdrawn bigint not null default 0 check (withdrawn >= 0),
  add column reason text,
  add column outcome text,
  add column updated_at timestamptz not null default now();
update purchase_disputes set withdrawn = amount;
-- One dispute may be about several payments.
alter table purchase_disputes drop constraint purchase_disputes_pkey,
  add primary key (provider, ref, purchase_id);

-- Why nothing may be spent from a wallet; it is free again when every cause is lifted.
create table wallet_freezes (
  wallet_id uuid not null,
  -- Names what it hangs on, such as dispute:<provider>:<ref>; unique, so that saying it twice changes nothing.
  cause text not null,
  reason text not null check (reason in ('dispute', 'fraud_warning', 'debt', 'operator')),
  note text,
  created_at timestamptz not null default now(),
  lifted_at timestamptz,
  primary key (wallet_id, cause)
);

grant select, insert on lots to coinlane_app;
grant select, insert, update on wallet_freezes to coinlane_app;
grant usage on sequence purchase_look_seq to coinlane_app;
