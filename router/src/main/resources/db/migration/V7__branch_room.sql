-- How much of the pool a branch may take for itself: a share (50%) or a size (1536MB); null is as its baseline's policy says.

alter table branch
  add column max_bytes text check (max_bytes ~ '^[0-9]{1,15}(%|B|kB|MB|GB|TB)$');
