-- Payments that do not match their quote wait for a person: what came, and what that person decided.

alter table purchases
  -- What the provider has for a purchase in review, in minor units: the money, and what of it has left again.
  add column came bigint check (came >= 0),
  add column came_currency text,
  add column came_gone bigint not null default 0 check (came_gone >= 0),
  -- A person took the payment as it is: its amount became the price, and its faults count no more.
  add column reviewed boolean not null default false;
create index purchases_review on purchases (operation_id) where status = 'review';
