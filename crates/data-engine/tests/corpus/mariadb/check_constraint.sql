-- # seed
CREATE TABLE ages (id INT PRIMARY KEY, age INT);
INSERT INTO ages VALUES (1, 30);
-- # up
ALTER TABLE ages ADD CONSTRAINT age_is_sane CHECK (age BETWEEN 0 AND 150);
-- # write
INSERT IGNORE INTO ages VALUES (2, 40);
-- # down
ALTER TABLE ages DROP CONSTRAINT age_is_sane;
-- # meanwhile
INSERT INTO ages VALUES (3, 50);
