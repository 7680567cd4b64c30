-- What a branch has of its own about sessions that are idle; null is as its baseline's policy says.

alter table branch
  add column on_idle text check (on_idle in ('park', 'stay-awake', 'disconnect')),
  add column park_after_ms bigint check (park_after_ms > 0);
