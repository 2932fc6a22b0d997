-- The job that a request with this key started, written in the job's own transaction: after a crash before the answer
-- was kept, the same key answers with that job.

ALTER TABLE idempotency_keys ADD COLUMN IF NOT EXISTS job_id BINARY(16) NULL AFTER body_sha256;
