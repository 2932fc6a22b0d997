-- A column is added under the table's old name, and comes back under its new one.
-- # seed
CREATE TABLE artikel (id INT PRIMARY KEY, title VARCHAR(20));
INSERT INTO artikel VALUES (1, 'eins'), (2, 'zwei');
-- # up
ALTER TABLE artikel ADD COLUMN lang CHAR(2) NULL;
RENAME TABLE artikel TO articles;
-- # write
UPDATE articles SET lang = 'de' WHERE id = 2;
-- # down
RENAME TABLE articles TO artikel;
ALTER TABLE artikel DROP COLUMN lang;
