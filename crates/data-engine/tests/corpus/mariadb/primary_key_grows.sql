-- The key becomes one of two columns, and one again; the values of the second column come back by the key that is left.
-- # seed
CREATE TABLE stock (shop INT NOT NULL PRIMARY KEY, amount INT NOT NULL);
INSERT INTO stock VALUES (1, 10), (2, 20);
-- # up
ALTER TABLE stock ADD COLUMN shelf INT NOT NULL DEFAULT 0;
ALTER TABLE stock DROP PRIMARY KEY, ADD PRIMARY KEY (shop, shelf);
-- # write
UPDATE stock SET shelf = 4 WHERE shop = 2;
-- # down
ALTER TABLE stock DROP PRIMARY KEY, ADD PRIMARY KEY (shop);
ALTER TABLE stock DROP COLUMN shelf;
-- # promised
UPDATE stock SET shelf = 0;
-- # told
the primary key of stock is another one than it was
-- # refused taking back
the primary key of stock is another one than it was
