-- # seed
CREATE TABLE stock (id INT PRIMARY KEY, amount INT NOT NULL);
CREATE TABLE changes (n INT AUTO_INCREMENT PRIMARY KEY, stock INT, was INT, became INT);
INSERT INTO stock VALUES (1, 1);
-- # up
DELIMITER //
CREATE TRIGGER stock_changed AFTER UPDATE ON stock FOR EACH ROW
BEGIN
  IF NOT OLD.amount <=> NEW.amount THEN
    INSERT INTO changes (stock, was, became) VALUES (OLD.id, OLD.amount, NEW.amount);
  END IF;
END //
DELIMITER ;
-- # write
UPDATE stock SET amount = 2;
-- # down
DROP TRIGGER stock_changed;
-- # meanwhile
INSERT INTO stock VALUES (2, 5);
