-- Snapshots whose rows have gone and whose volumes may still be there. A row moves here in the same statement, and stays
-- until the volume is removed, so that a crash between the two leaves nothing that nobody knows.

create table removed_snapshot (
  id         text primary key check (id ~ '^[0-9a-f]{16}$'),
  removed_at timestamptz not null default now()
);
