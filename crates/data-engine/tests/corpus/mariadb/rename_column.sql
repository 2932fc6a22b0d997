-- # seed
CREATE TABLE books (id INT PRIMARY KEY, titel VARCHAR(40) NOT NULL, pages INT);
INSERT INTO books VALUES (1, 'One', 1), (2, 'Two', 2);
-- # up
ALTER TABLE books RENAME COLUMN titel TO title;
-- # write
UPDATE books SET title = 'Zwei' WHERE id = 2;
-- # down
ALTER TABLE books RENAME COLUMN title TO titel;
-- # meanwhile
INSERT INTO books VALUES (3, 'Three', 3);
-- # promised
INSERT INTO books VALUES (3, 'Three', 3);
