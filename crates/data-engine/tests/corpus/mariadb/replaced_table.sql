-- The new table takes the old one's name; what people wrote there comes back under that.
-- # seed
CREATE TABLE logs (id INT PRIMARY KEY, line VARCHAR(20));
INSERT INTO logs VALUES (1, 'a'), (2, 'b');
-- # up
CREATE TABLE logs_new (id INT PRIMARY KEY, line VARCHAR(20), level INT NOT NULL DEFAULT 0);
INSERT INTO logs_new (id, line) SELECT id, line FROM logs;
RENAME TABLE logs TO logs_old, logs_new TO logs;
-- # write
UPDATE logs SET level = 3 WHERE id = 2;
INSERT INTO logs VALUES (3, 'c', 1);
-- # down
RENAME TABLE logs TO logs_new, logs_old TO logs;
DROP TABLE logs_new;
