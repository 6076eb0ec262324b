-- The same rows, with less to write for each (docs/performance.md), and one place in the order for an atomic batch.

-- Members of an atomic batch share one place in the journal, so that nothing can be settled between them.
alter table arrivals drop constraint arrivals_pkey, add primary key (wallet_id, seq, operation_id);

-- The last posting of its wallet in its transaction: the others are of the same moment and never answer what the
-- balance was at a time.
alter table entries add column closing boolean not null default true;
drop index entries_wallet_time;
create index entries_wallet_time on entries (wallet_id, created_at desc, version desc)
  where account = 'wallet' and closing;

-- What waits is found by its wallet; it joins its user's operations with its outcome.
drop index operations_user;
create index operations_user on operations (user_id, id) where not due;

-- A process of a version before loses what it does not know. Once a statement: by row it cost every row a lock.
drop trigger wallets_writer on wallets;
drop trigger operations_writer on operations;
create trigger wallets_writer before update of balance, lots on wallets for each statement
  when (current_setting('coinlane.writer', true) is distinct from '8')
  execute function refuse_writer_before_microtransactions();
create trigger operations_writer before update of wallet_version on operations for each statement
  when (current_setting('coinlane.writer', true) is distinct from '8')
  execute function refuse_writer_before_microtransactions();

-- After the row: a trigger before an update locks every row first.
drop trigger operations_one_outcome on operations;
create trigger operations_one_outcome after update on operations for each row
  when (old.status in ('applied', 'rejected') and (
    new.status <> old.status or new.due or new.reason is distinct from old.reason
    or new.balance_after is distinct from old.balance_after
    or new.wallet_version is distinct from old.wallet_version
    or new.amount is distinct from old.amount or new.settled_at is distinct from old.settled_at))
  execute function refuse_second_outcome();
