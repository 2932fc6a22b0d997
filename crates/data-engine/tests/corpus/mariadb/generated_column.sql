-- A column that is computed needs no copy, and is computed anew.
-- # seed
CREATE TABLE items (id INT PRIMARY KEY, price INT NOT NULL, amount INT NOT NULL);
INSERT INTO items VALUES (1, 3, 4), (2, 5, 6);
-- # up
ALTER TABLE items ADD COLUMN total INT GENERATED ALWAYS AS (price * amount) STORED, ADD COLUMN half INT GENERATED ALWAYS AS (price DIV 2) VIRTUAL;
-- # write
UPDATE items SET price = 10 WHERE id = 2;
-- # down
ALTER TABLE items DROP COLUMN half, DROP COLUMN total;
-- # meanwhile
UPDATE items SET amount = 1 WHERE id = 1;
