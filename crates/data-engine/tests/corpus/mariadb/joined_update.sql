-- # seed
CREATE TABLE prices (id INT PRIMARY KEY, cents INT NOT NULL);
CREATE TABLE rates (id INT PRIMARY KEY, percent INT NOT NULL);
INSERT INTO prices VALUES (1, 100), (2, 250), (3, 1);
INSERT INTO rates VALUES (1, 10), (2, 20);
-- # up
UPDATE prices JOIN rates USING (id) SET prices.cents = prices.cents * (100 + rates.percent) DIV 100;
-- # write
UPDATE prices SET cents = 999 WHERE id = 2;
-- # down
UPDATE prices JOIN rates USING (id) SET prices.cents = prices.cents * 100 DIV (100 + rates.percent);
-- # told
1 rows of prices were changed since
