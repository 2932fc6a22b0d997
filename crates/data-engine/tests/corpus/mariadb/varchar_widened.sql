-- Values that the narrower type cuts come back whole; others were not copied.
-- # seed
CREATE TABLE tags (id INT PRIMARY KEY, tag VARCHAR(4));
INSERT INTO tags VALUES (1, 'a'), (2, NULL);
-- # up
ALTER TABLE tags MODIFY COLUMN tag VARCHAR(400);
-- # write
UPDATE tags SET tag = 'abcdefgh' WHERE id = 1;
INSERT INTO tags VALUES (3, 'abcd'), (4, REPEAT('x', 400));
-- # down
SET sql_mode = '';
ALTER TABLE tags MODIFY COLUMN tag VARCHAR(4);
-- # meanwhile
UPDATE tags SET tag = 'mine' WHERE id = 1;
DELETE FROM tags WHERE id = 2;
-- # told
rows of tags were changed since
