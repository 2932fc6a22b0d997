-- # seed
CREATE TABLE counters (id INT PRIMARY KEY, n INT NOT NULL);
INSERT INTO counters VALUES (1, 1), (2, 2);
-- # up
ALTER TABLE counters MODIFY COLUMN n BIGINT NOT NULL;
-- # write
UPDATE counters SET n = 9000000000 WHERE id = 2;
-- # down
SET sql_mode = '';
ALTER TABLE counters MODIFY COLUMN n INT NOT NULL;
