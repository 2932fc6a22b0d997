-- How long the Redis cache keeps what; CACHE_TTL_SECONDS of the environment wins over it.
CREATE TABLE cache_settings (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    ttl_seconds INT UNSIGNED NOT NULL,
    updated_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

INSERT INTO cache_settings (name, ttl_seconds) VALUES ('articles', 60);
