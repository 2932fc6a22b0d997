-- What an up takes away comes back with the down, and goes again with the next up.
-- # seed
CREATE TABLE people (id INT PRIMARY KEY, fax VARCHAR(20) NULL, name VARCHAR(20));
INSERT INTO people VALUES (1, '030-1', 'Ada'), (2, NULL, 'Bea');
-- # up
ALTER TABLE people DROP COLUMN fax;
-- # write
INSERT INTO people VALUES (3, 'Cid');
UPDATE people SET name = 'Ada L.' WHERE id = 1;
-- # down
ALTER TABLE people ADD COLUMN fax VARCHAR(20) NULL AFTER id;
-- # returned
UPDATE people SET fax = '030-1' WHERE id = 1;
-- # meanwhile
UPDATE people SET name = 'B.' WHERE id = 2;
