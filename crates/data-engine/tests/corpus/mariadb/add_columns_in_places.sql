-- FIRST and AFTER: the columns come back where they were.
-- # seed
CREATE TABLE places (id INT PRIMARY KEY, a INT, z INT);
INSERT INTO places VALUES (1, 2, 3);
-- # up
ALTER TABLE places ADD COLUMN zeroth INT FIRST, ADD COLUMN b INT AFTER a, ADD COLUMN c INT DEFAULT 9 AFTER b;
-- # write
UPDATE places SET zeroth = 0, b = 1;
INSERT INTO places VALUES (10, 11, 12, 13, 14, 15);
-- # down
ALTER TABLE places DROP COLUMN zeroth, DROP COLUMN b, DROP COLUMN c;
-- # meanwhile
INSERT INTO places (id, a, z) VALUES (20, 0, 0);
