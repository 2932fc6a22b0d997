-- Two-factor authentication: off until a user turns it on.
ALTER TABLE users ADD COLUMN two_factor_enabled TINYINT(1) NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN two_factor_secret VARCHAR(64) NULL;
