-- # seed
CREATE TABLE nothing (id INT PRIMARY KEY, a INT);
CREATE TABLE nobody (id INT PRIMARY KEY, a INT);
-- # up
ALTER TABLE nothing ADD COLUMN b INT;
DELETE FROM nobody;
-- # write
-- # down
ALTER TABLE nothing DROP COLUMN b;
UPDATE nobody SET a = 1;
