-- Values of a table without a key could not be given back to their rows: refused.
-- # seed
CREATE TABLE loose (a INT);
INSERT INTO loose VALUES (1), (1);
-- # up
ALTER TABLE loose ADD COLUMN b INT;
-- # write
UPDATE loose SET b = 2;
-- # down
ALTER TABLE loose DROP COLUMN b;
-- # refused down
no primary key
