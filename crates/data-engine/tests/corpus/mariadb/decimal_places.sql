-- Digits that are rounded away come back.
-- # seed
CREATE TABLE bills (id INT PRIMARY KEY, amount DECIMAL(10,2) NOT NULL);
INSERT INTO bills VALUES (1, 1.50), (2, 99999999.99);
-- # up
ALTER TABLE bills MODIFY COLUMN amount DECIMAL(14,6) NOT NULL;
-- # write
UPDATE bills SET amount = 0.123456 WHERE id = 1;
INSERT INTO bills VALUES (3, -0.000001);
-- # down
ALTER TABLE bills MODIFY COLUMN amount DECIMAL(10,2) NOT NULL;
