-- Whoever looks for jobs that workers hold finds them by their state; the index made each claim and each end dearer.

ALTER TABLE jobs DROP INDEX IF EXISTS jobs_worker;
