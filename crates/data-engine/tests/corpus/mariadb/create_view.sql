-- # seed
CREATE TABLE sales (id INT PRIMARY KEY, shop INT, cents INT);
INSERT INTO sales VALUES (1, 1, 100), (2, 1, 200), (3, 2, 50);
-- # up
CREATE VIEW by_shop AS SELECT shop, SUM(cents) AS cents FROM sales GROUP BY shop;
-- # write
INSERT INTO sales VALUES (4, 2, 25);
-- # down
DROP VIEW by_shop;
