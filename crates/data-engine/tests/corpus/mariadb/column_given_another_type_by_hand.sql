-- A type changed by a new column, a copy and a rename. The old values win over those that the down computes; those of the
-- new column come back under its last name.
-- # seed
CREATE TABLE scores (id INT PRIMARY KEY, score VARCHAR(9) NOT NULL);
INSERT INTO scores VALUES (1, '10'), (2, 'n/a');
-- # up
ALTER TABLE scores ADD COLUMN score_new INT NULL;
UPDATE scores SET score_new = IF(score REGEXP '^[0-9]+$', CAST(score AS INT), NULL);
ALTER TABLE scores DROP COLUMN score;
ALTER TABLE scores RENAME COLUMN score_new TO score;
-- # write
UPDATE scores SET score = 12 WHERE id = 1;
-- # down
ALTER TABLE scores RENAME COLUMN score TO score_new;
ALTER TABLE scores ADD COLUMN score VARCHAR(9) NOT NULL DEFAULT '';
UPDATE scores SET score = COALESCE(score_new, 'n/a');
ALTER TABLE scores DROP COLUMN score_new;
ALTER TABLE scores ALTER COLUMN score DROP DEFAULT;
-- # returned
UPDATE scores SET score = '10' WHERE id = 1;
