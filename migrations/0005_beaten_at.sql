-- When a worker beat last, by the database's own clock, so that whoever asks once can tell whether any lives. The server
-- writes it with each beat, also with those of older versions. Taking jobs over does not read it: see `leases.rs`.

ALTER TABLE workers ADD COLUMN IF NOT EXISTS
  beaten_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6);
