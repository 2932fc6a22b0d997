-- CHANGE renames and widens at once; what the old type cannot hold comes back.
-- # seed
CREATE TABLE books (id INT PRIMARY KEY, titel VARCHAR(5) NOT NULL);
INSERT INTO books VALUES (1, 'One');
-- # up
ALTER TABLE books CHANGE COLUMN titel title VARCHAR(40) NOT NULL;
-- # write
INSERT INTO books VALUES (2, 'A long title'), (3, 'short');
-- # down
SET sql_mode = '';
ALTER TABLE books CHANGE COLUMN title titel VARCHAR(5) NOT NULL;
