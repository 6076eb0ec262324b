-- Members of an atomic batch share one place in the journal, so that nothing can be settled between them.
alter table arrivals drop constraint arrivals_pkey, add primary key (wallet_id, seq, operation_id);
