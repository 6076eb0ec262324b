-- What reading the books needs: a balance at a past time, operations by reference and by user, what coins became.

-- A balance at a time is one seek. The version is the order of postings of one moment.
create index entries_wallet_time on entries (wallet_id, created_at desc, version desc) where account = 'wallet';
-- Nearly empty: finds what ran out before it was booked.
create index entries_expired on entries (wallet_id, version) where counter = 'expired';
-- Lots that others became when they changed hands or currency.
create index lots_source on lots (source) where source is not null;
-- Newest first, as ids sort by time. Metadata has no index: docs/decisions/0020.
create index operations_reference on operations (reference, id) where reference is not null;
create index operations_user on operations (user_id, id);
