-- Kept data that is dropped: a person, or the environment's settings, decide it; a worker removes it.

ALTER TABLE preservations
  ADD COLUMN IF NOT EXISTS drop_actor VARCHAR(255) NULL,
  ADD COLUMN IF NOT EXISTS drop_reason TEXT NULL,
  ADD COLUMN IF NOT EXISTS drop_decided_at DATETIME(6) NULL,
  ADD COLUMN IF NOT EXISTS dropped_at DATETIME(6) NULL,
  -- Rises with every attempt to remove it.
  ADD COLUMN IF NOT EXISTS drop_attempt INT UNSIGNED NOT NULL DEFAULT 0,
  -- Nobody else tries before this moment, by the clock of this server.
  ADD COLUMN IF NOT EXISTS leased_until DATETIME(6) NULL,
  ADD KEY IF NOT EXISTS preservations_state (state, id),
  DROP CONSTRAINT IF EXISTS preservations_state,
  ADD CONSTRAINT preservations_state CHECK (state IN ('kept', 'restored', 'dropping', 'dropped'));
