-- Rows that a trigger of the new table would change stay put aside, all of them, and that is told.
-- # seed
CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20));
-- # up
CREATE TABLE carts (id INT PRIMARY KEY, items INT NOT NULL DEFAULT 0);
CREATE TRIGGER cart_made BEFORE INSERT ON carts FOR EACH ROW SET NEW.items = GREATEST(NEW.items, 1);
-- # write
INSERT INTO carts VALUES (1, 0), (2, 7);
UPDATE carts SET items = 0 WHERE id = 2;
-- # down
DROP TABLE carts;
-- # told
carts
-- # promised
DELETE FROM carts;
