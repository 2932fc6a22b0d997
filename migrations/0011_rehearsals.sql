-- Rehearsals: a release's migrations, tried on a scratch database beside an environment's own; migrations ahead of a release; backups on demand and their restores.

CREATE TABLE IF NOT EXISTS rehearsals (
  id BINARY(16) NOT NULL PRIMARY KEY,
  environment_id BINARY(16) NOT NULL,
  release_id BINARY(16) NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  requested_by VARCHAR(255) NOT NULL,
  requested_at DATETIME(6) NOT NULL,
  -- Rises with every claim; who ends a rehearsal names the attempt of its claim.
  attempt INT UNSIGNED NOT NULL DEFAULT 0,
  -- Whose it is until this moment, by the clock of this server.
  worker_id BINARY(16) NULL,
  leased_until DATETIME(6) NULL,
  started_at DATETIME(6) NULL,
  ended_at DATETIME(6) NULL,
  reason LONGTEXT NULL,
  stores LONGTEXT NULL,
  KEY rehearsals_state (state, id),
  KEY rehearsals_environment (environment_id, id),
  KEY rehearsals_release (release_id, environment_id, id),
  CONSTRAINT rehearsals_environment FOREIGN KEY (environment_id) REFERENCES environments (id),
  CONSTRAINT rehearsals_release FOREIGN KEY (release_id) REFERENCES releases (id),
  CONSTRAINT rehearsals_state CHECK (state IN ('queued', 'running', 'passed', 'failed', 'skipped'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The newest verdict on each migration.
CREATE TABLE IF NOT EXISTS rehearsed_migrations (
  environment_id BINARY(16) NOT NULL,
  migration_id BINARY(16) NOT NULL,
  rehearsal_id BINARY(16) NOT NULL,
  rehearsed LONGTEXT NOT NULL,
  PRIMARY KEY (environment_id, migration_id),
  CONSTRAINT rehearsed_migrations_environment FOREIGN KEY (environment_id) REFERENCES environments (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE deployments
  DROP CONSTRAINT IF EXISTS deployments_kind,
  ADD CONSTRAINT deployments_kind CHECK (kind IN ('deploy', 'rollback', 'maintenance_on', 'maintenance_off', 'migrate', 'backup', 'restore'));

-- What holds for the releases of a series that do not say otherwise themselves.
CREATE TABLE IF NOT EXISTS series (
  application_id BINARY(16) NOT NULL,
  series VARCHAR(64) NOT NULL,
  rules LONGTEXT NOT NULL,
  PRIMARY KEY (application_id, series),
  CONSTRAINT series_application FOREIGN KEY (application_id) REFERENCES applications (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

ALTER TABLE backups ADD COLUMN IF NOT EXISTS restored_at DATETIME(6) NULL;
