-- # seed
CREATE TABLE settings (id INT PRIMARY KEY, value TEXT NULL);
INSERT INTO settings VALUES (1, '{"a": 1}'), (2, NULL);
-- # up
ALTER TABLE settings MODIFY COLUMN value JSON NULL;
-- # write
UPDATE settings SET value = JSON_SET(value, '$.b', 'Ünï') WHERE id = 1;
-- # down
ALTER TABLE settings MODIFY COLUMN value TEXT NULL;
