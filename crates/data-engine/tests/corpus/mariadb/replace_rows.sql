-- # seed
CREATE TABLE options (name VARCHAR(20) PRIMARY KEY, value VARCHAR(20), note VARCHAR(20) DEFAULT 'default');
INSERT INTO options VALUES ('theme', 'light', 'a'), ('lang', 'en', 'b');
-- # up
REPLACE INTO options (name, value) VALUES ('theme', 'dark'), ('tz', 'UTC');
-- # write
UPDATE options SET note = 'ours' WHERE name = 'theme';
-- # down
REPLACE INTO options (name, value, note) VALUES ('theme', 'light', 'a');
DELETE FROM options WHERE name = 'tz';
