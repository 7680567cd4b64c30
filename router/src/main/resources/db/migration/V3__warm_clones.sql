-- Clones that run without a name, ready to become branches. A row is there before its clone and
-- until after it; handing one out moves the row to "branch" in one statement.

create table warm_clone (
  clone      text primary key check (clone ~ '^[0-9a-f]{16}$'),
  snapshot   text not null references snapshot (id),
  baseline   text not null references baseline (name),
  created_at timestamptz not null default now()
);

create index on warm_clone (snapshot);
