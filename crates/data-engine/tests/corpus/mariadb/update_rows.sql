-- What the down overwrites is back with the next up, but for rows that people changed since.
-- # seed
CREATE TABLE articles (id INT PRIMARY KEY, state VARCHAR(20) NOT NULL, title VARCHAR(20));
INSERT INTO articles VALUES (1, 'draft', 'a'), (2, 'draft', 'b'), (3, 'out', 'c'), (4, 'draft', 'd');
-- # up
UPDATE articles SET state = 'pending' WHERE state = 'draft';
-- # write
UPDATE articles SET state = 'review' WHERE id = 2;
INSERT INTO articles VALUES (5, 'pending', 'e');
-- # down
UPDATE articles SET state = 'draft' WHERE state IN ('pending', 'review');
-- # meanwhile
UPDATE articles SET title = 'A' WHERE id = 1;
DELETE FROM articles WHERE id = 4;
INSERT INTO articles VALUES (6, 'draft', 'f');
-- # promised
UPDATE articles SET title = 'A' WHERE id = 1;
DELETE FROM articles WHERE id = 4;
INSERT INTO articles VALUES (6, 'pending', 'f');
