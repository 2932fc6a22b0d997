-- # seed
CREATE TABLE indexed (id INT PRIMARY KEY, a INT, b INT, KEY both_of_them (a, b DESC), UNIQUE KEY one (b));
INSERT INTO indexed VALUES (1, 1, 1);
-- # up
DROP INDEX both_of_them ON indexed;
ALTER TABLE indexed DROP INDEX one;
-- # write
INSERT INTO indexed VALUES (2, 2, 2);
-- # down
ALTER TABLE indexed ADD UNIQUE KEY one (b);
CREATE INDEX both_of_them ON indexed (a, b DESC);
