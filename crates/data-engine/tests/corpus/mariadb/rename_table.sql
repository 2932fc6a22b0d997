-- # seed
CREATE TABLE artikel (id INT PRIMARY KEY, title VARCHAR(20));
INSERT INTO artikel VALUES (1, 'eins');
-- # up
RENAME TABLE artikel TO articles;
-- # write
INSERT INTO articles VALUES (2, 'two');
-- # down
ALTER TABLE articles RENAME TO artikel;
-- # meanwhile
INSERT INTO artikel VALUES (3, 'drei');
-- # promised
INSERT INTO articles VALUES (3, 'drei');
