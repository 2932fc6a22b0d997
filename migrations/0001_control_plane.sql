-- The control plane's own schema. Keys are UUIDv7 in BINARY(16), times DATETIME(6) in UTC, states are words with a CHECK.
-- What a caller's text is compared with is utf8mb4: MariaDB refuses to compare an ASCII column with, say, Chinese.
-- Every statement can be repeated: a migration that died half way is run again from its first line.

CREATE TABLE IF NOT EXISTS applications (
  id BINARY(16) NOT NULL PRIMARY KEY,
  name VARCHAR(63) NOT NULL,
  description TEXT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  UNIQUE KEY applications_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS environments (
  id BINARY(16) NOT NULL PRIMARY KEY,
  application_id BINARY(16) NOT NULL,
  name VARCHAR(63) NOT NULL,
  spec JSON NOT NULL,
  revision BIGINT UNSIGNED NOT NULL DEFAULT 1,
  current_deployment_id BINARY(16) NULL,
  active_job_id BINARY(16) NULL,
  -- Set while a person keeps the maintenance page on.
  maintenance_reason TEXT NULL,
  maintenance_job_id BINARY(16) NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  UNIQUE KEY environments_name (application_id, name),
  CONSTRAINT environments_application FOREIGN KEY (application_id) REFERENCES applications (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One port of one host belongs to one service of one environment.
CREATE TABLE IF NOT EXISTS port_reservations (
  docker VARCHAR(255) NOT NULL,
  port SMALLINT UNSIGNED NOT NULL,
  environment_id BINARY(16) NOT NULL,
  service VARCHAR(63) NOT NULL,
  PRIMARY KEY (docker, port),
  KEY port_reservations_environment (environment_id),
  CONSTRAINT port_reservations_environment FOREIGN KEY (environment_id) REFERENCES environments (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS releases (
  id BINARY(16) NOT NULL PRIMARY KEY,
  application_id BINARY(16) NOT NULL,
  version VARCHAR(64) NOT NULL,
  sort_key VARCHAR(255) NOT NULL,
  series VARCHAR(64) NOT NULL,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  notes TEXT NOT NULL,
  notes_zh TEXT NOT NULL,
  git JSON NOT NULL,
  images JSON NOT NULL,
  -- Data store → engine, schema bounds and the ids of its migrations, oldest first.
  schema_refs JSON NOT NULL,
  -- Environment → service → key → value; secrets are sealed.
  config JSON NOT NULL,
  config_sha256 JSON NOT NULL,
  requires JSON NOT NULL,
  content_sha256 BINARY(32) NOT NULL,
  released_at DATETIME(6) NOT NULL,
  registered_at DATETIME(6) NOT NULL,
  registered_by VARCHAR(255) NOT NULL,
  UNIQUE KEY releases_version (application_id, version),
  KEY releases_order (application_id, sort_key),
  CONSTRAINT releases_application FOREIGN KEY (application_id) REFERENCES applications (id),
  CONSTRAINT releases_kind CHECK (kind IN ('major', 'minor', 'patch', 'prerelease'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Script pairs by content: the bytes that were registered are the bytes that run.
CREATE TABLE IF NOT EXISTS migrations (
  id BINARY(16) NOT NULL PRIMARY KEY,
  application_id BINARY(16) NOT NULL,
  store VARCHAR(63) NOT NULL,
  engine VARCHAR(16) NOT NULL,
  version VARCHAR(64) NOT NULL,
  name VARCHAR(255) NOT NULL,
  up LONGBLOB NOT NULL,
  up_sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  down LONGBLOB NULL,
  -- Empty where there is no down script, so that the unique key holds then too.
  down_sha256 VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  UNIQUE KEY migrations_content (application_id, store, version, up_sha256, down_sha256),
  CONSTRAINT migrations_application FOREIGN KEY (application_id) REFERENCES applications (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS jobs (
  id BINARY(16) NOT NULL PRIMARY KEY,
  environment_id BINARY(16) NOT NULL,
  deployment_id BINARY(16) NOT NULL,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  plan LONGTEXT NOT NULL,
  plan_digest CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  from_version VARCHAR(64) NULL,
  to_version VARCHAR(64) NOT NULL,
  actor VARCHAR(255) NOT NULL,
  reason TEXT NOT NULL,
  -- Rises with every claim; every write of a worker names the fence of its claim.
  fence BIGINT UNSIGNED NOT NULL DEFAULT 0,
  worker_id BINARY(16) NULL,
  event_seq BIGINT UNSIGNED NOT NULL DEFAULT 0,
  cancel_reason TEXT NULL,
  error JSON NULL,
  measurements JSON NULL,
  created_at DATETIME(6) NOT NULL,
  started_at DATETIME(6) NULL,
  ended_at DATETIME(6) NULL,
  KEY jobs_environment (environment_id, id),
  KEY jobs_worker (worker_id, state),
  KEY jobs_state (state, id),
  CONSTRAINT jobs_environment FOREIGN KEY (environment_id) REFERENCES environments (id),
  CONSTRAINT jobs_state CHECK (state IN ('queued', 'awaiting_approval', 'running', 'paused', 'unwinding', 'succeeded', 'failed', 'cancelled', 'undone', 'stuck'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Jobs that wait for a worker, and nothing else: small, so that claiming stays fast however long the history is.
CREATE TABLE IF NOT EXISTS job_queue (
  seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  job_id BINARY(16) NOT NULL,
  UNIQUE KEY job_queue_job (job_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS deployments (
  id BINARY(16) NOT NULL PRIMARY KEY,
  environment_id BINARY(16) NOT NULL,
  release_id BINARY(16) NOT NULL,
  from_deployment_id BINARY(16) NULL,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  result VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  actor VARCHAR(255) NOT NULL,
  reason TEXT NOT NULL,
  job_id BINARY(16) NOT NULL,
  started_at DATETIME(6) NOT NULL,
  ended_at DATETIME(6) NULL,
  KEY deployments_environment (environment_id, id),
  KEY deployments_release (release_id),
  CONSTRAINT deployments_environment FOREIGN KEY (environment_id) REFERENCES environments (id),
  CONSTRAINT deployments_release FOREIGN KEY (release_id) REFERENCES releases (id),
  CONSTRAINT deployments_kind CHECK (kind IN ('deploy', 'rollback', 'maintenance_on', 'maintenance_off')),
  CONSTRAINT deployments_result CHECK (result IN ('running', 'succeeded', 'failed'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The image ids that a deployment left running, to notice when a tag comes to mean another image.
CREATE TABLE IF NOT EXISTS deployment_images (
  deployment_id BINARY(16) NOT NULL,
  release_id BINARY(16) NOT NULL,
  host VARCHAR(63) NOT NULL,
  reference VARCHAR(255) NOT NULL,
  image_id VARCHAR(100) NOT NULL,
  PRIMARY KEY (deployment_id, host, reference),
  KEY deployment_images_release (release_id, host, reference, deployment_id),
  CONSTRAINT deployment_images_deployment FOREIGN KEY (deployment_id) REFERENCES deployments (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS workers (
  id BINARY(16) NOT NULL PRIMARY KEY,
  -- Where the process holds a file lock; whoever can take that lock on the same host knows that it is dead.
  lock_file VARCHAR(512) NOT NULL,
  host VARCHAR(255) NOT NULL,
  beat BIGINT UNSIGNED NOT NULL DEFAULT 0,
  started_at DATETIME(6) NOT NULL,
  ended_at DATETIME(6) NULL,
  KEY workers_ended (ended_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS job_steps (
  job_id BINARY(16) NOT NULL,
  step INT UNSIGNED NOT NULL,
  name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(255) NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  attempts INT UNSIGNED NOT NULL DEFAULT 0,
  started_at DATETIME(6) NULL,
  finished_at DATETIME(6) NULL,
  output JSON NULL,
  error JSON NULL,
  -- The target's connection that runs this step's statements; whoever takes over ends it first.
  connection_id BIGINT UNSIGNED NULL,
  PRIMARY KEY (job_id, step),
  KEY job_steps_durations (name, state, finished_at),
  CONSTRAINT job_steps_job FOREIGN KEY (job_id) REFERENCES jobs (id),
  CONSTRAINT job_steps_state CHECK (state IN ('pending', 'started', 'finished', 'failed', 'undoing', 'undone', 'undo_failed'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS job_events (
  job_id BINARY(16) NOT NULL,
  seq BIGINT UNSIGNED NOT NULL,
  at DATETIME(6) NOT NULL,
  kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  step INT UNSIGNED NULL,
  data JSON NOT NULL,
  PRIMARY KEY (job_id, seq),
  CONSTRAINT job_events_job FOREIGN KEY (job_id) REFERENCES jobs (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS job_statements (
  job_id BINARY(16) NOT NULL,
  step INT UNSIGNED NOT NULL,
  seq BIGINT UNSIGNED NOT NULL,
  is_undo BOOLEAN NOT NULL,
  migration VARCHAR(64) NOT NULL,
  direction VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idx INT UNSIGNED NOT NULL,
  sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  begun_at DATETIME(6) NOT NULL,
  done_at DATETIME(6) NULL,
  affected BIGINT UNSIGNED NULL,
  PRIMARY KEY (job_id, step, is_undo, migration, direction, idx),
  CONSTRAINT job_statements_step FOREIGN KEY (job_id, step) REFERENCES job_steps (job_id, step)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Never deleted from: an undone migration is a new row.
CREATE TABLE IF NOT EXISTS ledger (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  environment_id BINARY(16) NOT NULL,
  store VARCHAR(63) NOT NULL,
  migration_id BINARY(16) NOT NULL,
  version VARCHAR(64) NOT NULL,
  name VARCHAR(255) NOT NULL,
  direction VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  script_sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  fingerprint_before VARCHAR(64) NOT NULL,
  fingerprint_after VARCHAR(64) NOT NULL,
  job_id BINARY(16) NOT NULL,
  step INT UNSIGNED NOT NULL,
  at DATETIME(6) NOT NULL,
  UNIQUE KEY ledger_once (job_id, step, store, version, direction),
  KEY ledger_store (environment_id, store, id),
  CONSTRAINT ledger_job FOREIGN KEY (job_id) REFERENCES jobs (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS preservations (
  id BINARY(16) NOT NULL PRIMARY KEY,
  environment_id BINARY(16) NOT NULL,
  store VARCHAR(63) NOT NULL,
  migration VARCHAR(64) NOT NULL,
  object TEXT NOT NULL,
  keeper JSON NOT NULL,
  row_count BIGINT UNSIGNED NOT NULL,
  checksum VARCHAR(128) NOT NULL,
  state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  job_id BINARY(16) NOT NULL,
  step INT UNSIGNED NOT NULL,
  kept_at DATETIME(6) NOT NULL,
  restored_at DATETIME(6) NULL,
  restored_by BINARY(16) NULL,
  KEY preservations_store (environment_id, store, state, id),
  KEY preservations_job (job_id),
  KEY preservations_restored (restored_by),
  CONSTRAINT preservations_environment FOREIGN KEY (environment_id) REFERENCES environments (id),
  CONSTRAINT preservations_state CHECK (state IN ('kept', 'restored', 'dropped'))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS backups (
  id BINARY(16) NOT NULL PRIMARY KEY,
  environment_id BINARY(16) NOT NULL,
  store VARCHAR(63) NOT NULL,
  engine VARCHAR(16) NOT NULL,
  path VARCHAR(1024) NOT NULL,
  bytes BIGINT UNSIGNED NOT NULL,
  sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  job_id BINARY(16) NOT NULL,
  begun_at DATETIME(6) NOT NULL,
  verified_at DATETIME(6) NOT NULL,
  KEY backups_store (environment_id, store, id),
  KEY backups_job (job_id),
  CONSTRAINT backups_environment FOREIGN KEY (environment_id) REFERENCES environments (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS tokens (
  id BINARY(16) NOT NULL PRIMARY KEY,
  name VARCHAR(100) NOT NULL,
  prefix VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  secret_sha256 BINARY(32) NOT NULL,
  permissions JSON NOT NULL,
  created_at DATETIME(6) NOT NULL,
  expires_at DATETIME(6) NULL,
  last_used_at DATETIME(6) NULL,
  revoked_at DATETIME(6) NULL,
  UNIQUE KEY tokens_secret (secret_sha256)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS idempotency_keys (
  token_id BINARY(16) NOT NULL,
  route VARCHAR(255) NOT NULL,
  idem_key VARCHAR(255) NOT NULL,
  body_sha256 BINARY(32) NOT NULL,
  status SMALLINT UNSIGNED NULL,
  location VARCHAR(512) NULL,
  body MEDIUMBLOB NULL,
  -- A reservation whose process died is free again after this moment.
  reserved_until DATETIME(6) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (token_id, route, idem_key),
  KEY idempotency_keys_age (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Append-only; each row carries a MAC, written in the transaction of its change.
CREATE TABLE IF NOT EXISTS audit (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  at DATETIME(6) NOT NULL,
  actor VARCHAR(255) NOT NULL,
  action VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(512) NOT NULL,
  detail JSON NOT NULL,
  mac BINARY(32) NOT NULL,
  KEY audit_subject (subject(191), id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
