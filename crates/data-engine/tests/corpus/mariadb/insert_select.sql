-- # seed
CREATE TABLE people (id INT PRIMARY KEY, city VARCHAR(20));
CREATE TABLE cities (name VARCHAR(20) PRIMARY KEY, people INT);
INSERT INTO people VALUES (1, 'Bonn'), (2, 'Bonn'), (3, 'Köln');
INSERT INTO cities VALUES ('Ulm', 0);
-- # up
INSERT INTO cities SELECT city, COUNT(*) FROM people GROUP BY city;
-- # write
UPDATE cities SET people = 300000 WHERE name = 'Bonn';
-- # down
DELETE FROM cities WHERE name <> 'Ulm';
