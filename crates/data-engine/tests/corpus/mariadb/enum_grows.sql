-- A member that the smaller ENUM lacks becomes the empty value, and comes back.
-- # seed
CREATE TABLE tasks (id INT PRIMARY KEY, state ENUM('open', 'done') NOT NULL);
INSERT INTO tasks VALUES (1, 'open'), (2, 'done');
-- # up
ALTER TABLE tasks MODIFY COLUMN state ENUM('open', 'done', 'blocked') NOT NULL;
-- # write
UPDATE tasks SET state = 'blocked' WHERE id = 1;
-- # down
SET sql_mode = '';
ALTER TABLE tasks MODIFY COLUMN state ENUM('open', 'done') NOT NULL;
