-- # seed
CREATE TABLE authors (id INT PRIMARY KEY);
CREATE TABLE works (id INT PRIMARY KEY, author INT);
INSERT INTO authors VALUES (1), (2);
INSERT INTO works VALUES (1, 1), (2, 2);
-- # up
ALTER TABLE works ADD CONSTRAINT of_author FOREIGN KEY (author) REFERENCES authors (id) ON DELETE CASCADE;
-- # write
DELETE FROM authors WHERE id = 2;
INSERT INTO works VALUES (3, 1);
-- # down
ALTER TABLE works DROP FOREIGN KEY of_author;
ALTER TABLE works DROP INDEX of_author;
