-- The up fills what was missing; the down gives the gaps back, and the next up fills them again.
-- # seed
CREATE TABLE notes (id INT PRIMARY KEY, body VARCHAR(20) NULL);
INSERT INTO notes VALUES (1, 'a'), (2, NULL), (3, NULL);
-- # up
UPDATE notes SET body = '' WHERE body IS NULL;
ALTER TABLE notes MODIFY COLUMN body VARCHAR(20) NOT NULL;
-- # write
UPDATE notes SET body = 'written' WHERE id = 3;
-- # down
ALTER TABLE notes MODIFY COLUMN body VARCHAR(20) NULL;
-- # returned
UPDATE notes SET body = NULL WHERE id = 2;
-- # told
rows of notes were changed since
