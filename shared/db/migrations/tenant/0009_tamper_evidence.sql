-- Makes later changes of the ledger evident: what was written is sealed into a chain of hashes (docs/decisions/0019).

-- The wallet's side names the account on the other side, so that one row, found by its index, says all of a posting.
alter table entries add column if not exists counter text;
alter table entries disable trigger entries_append_only;
update entries e set counter = pair.account
  from (select wallet_id, unnest(array_agg(version order by version) filter (where version is not null)) as version,
      unnest(array_agg(account order by place) filter (where version is null)) as account
    from (select e.ctid as place, operation_id, wallet_id, account, version, amount * side as amount, bonus * side as bonus
      from entries e cross join lateral (select case when account = 'wallet' then 1 else -1 end as side) sides) moves
    group by operation_id, wallet_id, amount, bonus) pair
  where e.account = 'wallet' and e.counter is null and e.wallet_id = pair.wallet_id and e.version = pair.version;
alter table entries enable trigger entries_append_only;
alter table entries add constraint entries_counter_check
  check ((account = 'wallet') = (counter is not null)) not valid;

-- Which versions of which wallets wait to be sealed; a row for each statement that wrote entries.
create table seal_queue (
  id bigint generated always as identity primary key,
  wallet_ids uuid[] not null,
  first_versions bigint[] not null,
  last_versions bigint[] not null,
  entries integer not null
);

-- By the table itself: whoever writes entries, by whatever code, cannot leave them out.
create function queue_for_sealing() returns trigger language plpgsql set search_path from current as $$
begin
  insert into seal_queue (wallet_ids, first_versions, last_versions, entries)
    select array_agg(wallet_id), array_agg(first), array_agg(last), sum(last - first + 1)
    from (select wallet_id, min(version) as first, max(version) as last from written
      where account = 'wallet' group by wallet_id) ranges
    having count(*) > 0;
  return null;
end $$;
create trigger entries_sealed after insert on entries referencing new table as written
  for each statement execute function queue_for_sealing();

-- What was there before: in stretches of a thousand entries, wallet by wallet.
insert into seal_queue (wallet_ids, first_versions, last_versions, entries)
  select array_agg(id order by id, first), array_agg(first order by id, first), array_agg(last order by id, first),
    sum(last - first + 1)
  from (select id, first, last, (sum(last - first + 1) over (order by id, first) - 1) / 1000 as stretch
    from (select w.id, first, least(first + 999, w.version) as last
      from wallets w cross join lateral generate_series(1, w.version, 1000) as first) parts) stretches
  group by stretch order by stretch;

create table chain (
  n bigint primary key check (n > 0),
  -- The hash of the block before; of the first one, of the tenant's name.
  previous bytea not null,
  hash bytea not null,
  -- The root of a Merkle tree (RFC 9162) over the hashes of its entries, and these hashes, one after the other.
  root bytea not null,
  leaves bytea not null,
  -- What it covers: these versions of these wallets, in this order.
  wallet_ids uuid[] not null,
  first_versions bigint[] not null,
  last_versions bigint[] not null,
  entries integer not null check (entries > 0),
  -- Entries in all blocks so far.
  total bigint not null,
  sealed_at timestamptz not null
);
-- Where to begin looking for the block of an operation.
create index chain_sealed on chain (sealed_at);
-- Hashes do not compress.
alter table chain alter column leaves set storage external;
create trigger chain_append_only before update or delete or truncate on chain
  for each statement execute function coinlane.refuse_change();

grant select, insert, delete on seal_queue to coinlane_app;
grant select, insert on chain to coinlane_app;
