-- A table without a key goes and comes back whole, since there is nothing else in its place.
-- # seed
CREATE TABLE others (id INT PRIMARY KEY);
-- # up
CREATE TABLE loose (a INT, b VARCHAR(20));
-- # write
INSERT INTO loose VALUES (1, 'x'), (1, 'x'), (2, NULL);
-- # down
DROP TABLE IF EXISTS loose;
