-- # seed
CREATE TABLE sales (id INT PRIMARY KEY, shop INT, cents INT);
INSERT INTO sales VALUES (1, 1, 100), (2, 2, 50);
CREATE VIEW shown AS SELECT id, cents FROM sales;
-- # up
CREATE OR REPLACE VIEW shown AS SELECT id, shop, cents FROM sales WHERE cents > 0;
-- # write
INSERT INTO sales VALUES (3, 3, 0);
-- # down
CREATE OR REPLACE VIEW shown AS SELECT id, cents FROM sales;
