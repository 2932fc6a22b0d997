-- Which keys seal the secrets of this database, by fingerprint: a process with other keys must not start.

CREATE TABLE IF NOT EXISTS key_fingerprints (
  key_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  fingerprint BINARY(32) NOT NULL,
  first_seen_at DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
