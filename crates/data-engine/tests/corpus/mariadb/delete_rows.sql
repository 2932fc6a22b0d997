-- Seeds come back as people had edited them; those that people deleted are the script's to make.
-- # seed
CREATE TABLE options (name VARCHAR(20) PRIMARY KEY, value VARCHAR(20));
INSERT INTO options VALUES ('theme', 'light');
-- # up
INSERT INTO options VALUES ('lang', 'en'), ('tz', 'UTC');
-- # write
UPDATE options SET value = 'de' WHERE name = 'lang';
-- # down
DELETE FROM options WHERE name IN ('lang', 'tz');
-- # meanwhile
UPDATE options SET value = 'dark' WHERE name = 'theme';
