-- A column that only moves keeps its values.
-- # seed
CREATE TABLE moved (id INT PRIMARY KEY, a VARCHAR(9) NOT NULL DEFAULT 'a', b INT);
INSERT INTO moved VALUES (1, 'x', 1), (2, 'y', 2);
-- # up
ALTER TABLE moved MODIFY COLUMN a VARCHAR(9) NOT NULL DEFAULT 'a' AFTER b;
-- # write
UPDATE moved SET a = 'z' WHERE id = 2;
-- # down
ALTER TABLE moved MODIFY COLUMN a VARCHAR(9) NOT NULL DEFAULT 'a' AFTER id;
