-- Autovacuum comes after fifty changes and a fifth of the rows, analysis after a tenth. Where a thousand tenants have
-- small tables, it visits some thousand of them each minute, and after each visit all connections plan anew
-- (docs/performance.md). Large tables are vacuumed as before: for them the share of their rows is what counts.
alter table operations set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
alter table entries set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
alter table wallets set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
alter table lots set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
alter table arrivals set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
alter table seal_queue set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
alter table chain set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
alter table sessions set (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 500);
