-- The pools that the catalogue was used with. The pool has its id and the epoch too: where the two
-- numbers differ, one of them came back from a backup, and nothing that is unknown may be removed.

create table pool (
  id       uuid primary key,
  epoch    bigint not null check (epoch > 0),
  taken_at timestamptz not null default now()
);
