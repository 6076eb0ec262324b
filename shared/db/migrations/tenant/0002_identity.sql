-- Sessions and mail tokens of one tenant's users. Only hashes of tokens are kept.

create table sessions (
  id uuid primary key,
  user_id uuid not null references users,
  created_at timestamptz not null default now(),
  -- Absolute: no refresh reaches past it.
  expires_at timestamptz not null,
  -- The hash of what all refresh tokens of the session share: whoever knows it held one of them.
  family_hash bytea not null,
  -- The hash of the one refresh token that is good now, and of the one it replaced.
  current_hash bytea not null,
  previous_hash bytea,
  -- The pair given at the last rotation, sealed: parallel refreshes within the grace get the same successor.
  successor_sealed text,
  rotated_at timestamptz not null default now(),
  rotations integer not null default 0,
  address text,
  user_agent text,
  revoked_at timestamptz,
  revoked_reason text
);
create index sessions_user on sessions (user_id);

create table mail_tokens (
  hash bytea primary key,
  user_id uuid not null references users,
  purpose text not null check (purpose in ('verify_email', 'reset_password', 'change_email')),
  -- The address that the token proves, as it was when the token was made.
  email text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index mail_tokens_user on mail_tokens (user_id, purpose);

grant select, insert, update, delete on sessions, mail_tokens to coinlane_app;
