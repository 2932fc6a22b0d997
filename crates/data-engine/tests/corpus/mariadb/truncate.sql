-- # seed
CREATE TABLE cache (k INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20));
INSERT INTO cache (v) VALUES ('a'), ('b');
-- # up
ALTER TABLE cache ADD COLUMN until DATETIME NULL;
-- # write
INSERT INTO cache (v, until) VALUES ('c', '2030-01-01');
-- # down
TRUNCATE TABLE cache;
ALTER TABLE cache DROP COLUMN until;
-- # meanwhile
INSERT INTO cache VALUES (100, 'later');
-- # promised
INSERT INTO cache VALUES (100, 'later', NULL);
