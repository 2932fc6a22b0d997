-- Rows of the ledger that no job wrote: a person adopted a database that was there before, or said how a migration stands.
-- What a person accepts beside that, the schema and the target's own ledgers, is in the correction itself.

CREATE TABLE IF NOT EXISTS ledger_corrections (
  id BINARY(16) NOT NULL PRIMARY KEY,
  environment_id BINARY(16) NOT NULL,
  store VARCHAR(63) NOT NULL,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor VARCHAR(255) NOT NULL,
  reason TEXT NOT NULL,
  -- The schema that was accepted; none where only migrations were marked.
  fingerprint VARCHAR(64) NULL,
  -- The target's own ledgers as they were accepted with it.
  targets LONGTEXT NULL,
  -- The newest row of the ledger behind this correction; 0 where there is none.
  ledger_id BIGINT UNSIGNED NOT NULL,
  at DATETIME(6) NOT NULL,
  KEY ledger_corrections_store (environment_id, store, id),
  CONSTRAINT ledger_corrections_environment FOREIGN KEY (environment_id) REFERENCES environments (id),
  CONSTRAINT ledger_corrections_kind CHECK (kind IN ('baseline', 'repair'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE ledger
  ADD COLUMN IF NOT EXISTS source VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'job'
    CHECK (source IN ('job', 'baseline', 'repair')) AFTER job_id,
  ADD COLUMN IF NOT EXISTS correction_id BINARY(16) NULL AFTER source,
  MODIFY job_id BINARY(16) NULL,
  MODIFY step INT UNSIGNED NULL,
  -- A migration that is not registered can be marked as not applied.
  MODIFY migration_id BINARY(16) NULL,
  MODIFY script_sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  MODIFY fingerprint_before VARCHAR(64) NULL,
  MODIFY fingerprint_after VARCHAR(64) NULL,
  ADD CONSTRAINT ledger_correction FOREIGN KEY IF NOT EXISTS (correction_id) REFERENCES ledger_corrections (id);
