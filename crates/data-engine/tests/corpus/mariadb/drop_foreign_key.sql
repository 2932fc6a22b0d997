-- # seed
CREATE TABLE authors (id INT PRIMARY KEY);
CREATE TABLE works (id INT PRIMARY KEY, author INT, KEY of_author (author), CONSTRAINT of_author FOREIGN KEY (author) REFERENCES authors (id));
INSERT INTO authors VALUES (1);
INSERT INTO works VALUES (1, 1);
-- # up
ALTER TABLE works DROP FOREIGN KEY of_author;
-- # write
INSERT INTO works VALUES (2, NULL);
-- # down
ALTER TABLE works ADD CONSTRAINT of_author FOREIGN KEY (author) REFERENCES authors (id);
