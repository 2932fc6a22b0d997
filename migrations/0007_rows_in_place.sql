-- Claiming a job and ending it well change rows in place. A row that grows is written anew, and its full page with it: that
-- was most of the redo log of a job, and redo is what a commit waits for.
--
-- ROW_FORMAT=REDUNDANT keeps the place of a NULL in columns of fixed length, so that worker, times and results are filled in
-- where they stand; states are of fixed length for the same reason.

ALTER TABLE jobs
  ADD COLUMN IF NOT EXISTS recovery_ms BIGINT UNSIGNED NULL AFTER error,
  ADD COLUMN IF NOT EXISTS downtime_ms BIGINT UNSIGNED NULL AFTER recovery_ms,
  ADD COLUMN IF NOT EXISTS rows_preserved BIGINT UNSIGNED NULL AFTER downtime_ms,
  ADD COLUMN IF NOT EXISTS rows_restored BIGINT UNSIGNED NULL AFTER rows_preserved,
  ADD COLUMN IF NOT EXISTS backup_age_ms BIGINT UNSIGNED NULL AFTER rows_restored;

BEGIN NOT ATOMIC
  IF EXISTS (SELECT 1 FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'jobs' AND COLUMN_NAME = 'measurements') THEN
    -- Servers before MDEV-27151 was mended give the word for a JSON null.
    UPDATE jobs SET recovery_ms = NULLIF(JSON_VALUE(measurements, '$.recovery_ms'), 'null'),
      downtime_ms = NULLIF(JSON_VALUE(measurements, '$.downtime_ms'), 'null'),
      rows_preserved = NULLIF(JSON_VALUE(measurements, '$.rows_preserved'), 'null'),
      rows_restored = NULLIF(JSON_VALUE(measurements, '$.rows_restored'), 'null'),
      backup_age_ms = NULLIF(JSON_VALUE(measurements, '$.backup_age_ms'), 'null')
      WHERE measurements IS NOT NULL;
  END IF;
END;

ALTER TABLE jobs
  DROP COLUMN IF EXISTS measurements,
  MODIFY state CHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ROW_FORMAT=REDUNDANT;

ALTER TABLE deployments
  MODIFY result CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ROW_FORMAT=REDUNDANT;

ALTER TABLE environments ROW_FORMAT=REDUNDANT;

-- Ids of jobs rise with time, by the clock of whoever accepted them, and no more than fairness hangs on that: the queue
-- needs no number and no second key beside them.
BEGIN NOT ATOMIC
  IF EXISTS (SELECT 1 FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'job_queue' AND COLUMN_NAME = 'seq') THEN
    ALTER TABLE job_queue DROP COLUMN seq, DROP INDEX job_queue_job, ADD PRIMARY KEY (job_id);
  END IF;
END;
