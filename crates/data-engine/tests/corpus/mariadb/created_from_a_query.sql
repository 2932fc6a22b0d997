-- # seed
CREATE TABLE sales (id INT PRIMARY KEY, shop INT NOT NULL, cents INT NOT NULL);
INSERT INTO sales VALUES (1, 1, 100), (2, 2, 50), (3, 2, 25);
-- # up
CREATE TABLE totals (shop INT NOT NULL PRIMARY KEY, cents BIGINT) SELECT shop, SUM(cents) AS cents FROM sales GROUP BY shop;
-- # write
UPDATE totals SET cents = 1000 WHERE shop = 1;
-- # down
DROP TABLE totals;
