-- Who a user is elsewhere, what a user has beside the password, and how fresh a session's proof is.

create table identities (
  provider text not null check (provider in ('google', 'facebook')),
  -- The provider's own name of the account; its address may change, this never does.
  subject text not null,
  user_id uuid not null references users,
  email text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  primary key (provider, subject),
  unique (user_id, provider)
);

create table factors (
  id uuid primary key,
  user_id uuid not null references users,
  kind text not null check (kind in ('totp', 'recovery_code', 'passkey')),
  -- What finds it: the id of a passkey's credential, the hash of a recovery code.
  lookup bytea unique,
  name text,
  -- The shared secret of an authenticator app; a passkey holds a public key only.
  secret_sealed text,
  public_key bytea,
  transports text[],
  -- The last time step (RFC 6238) or signature counter that was taken: none is taken twice.
  counter bigint not null default -1,
  created_at timestamptz not null default now(),
  -- Null: it was set up and not proven yet, so nothing asks for it.
  confirmed_at timestamptz,
  last_used_at timestamptz
);
create index factors_user on factors (user_id);
create unique index factors_totp on factors (user_id) where kind = 'totp';

alter table sessions
  -- When the user last proved who they are, and when they last did so with a second factor.
  add column authenticated_at timestamptz not null default now(),
  add column second_factor_at timestamptz,
  add column last_seen_at timestamptz not null default now(),
  -- How the login was made: password, google, facebook or passkey.
  add column method text not null default 'password';

-- The session that asked for the token: when somebody ends it, what it asked for is off.
alter table mail_tokens add column session_id uuid;

alter table wallet_freezes drop constraint wallet_freezes_reason_check;
alter table wallet_freezes add constraint wallet_freezes_reason_check
  check (reason in ('dispute', 'fraud_warning', 'debt', 'operator', 'ban', 'erased'));

alter table users
  add column banned_at timestamptz,
  add column ban_reason text,
  add column erased_at timestamptz;

grant select, insert, update, delete on identities, factors to coinlane_app;
