-- # seed
CREATE TABLE codes (id INT PRIMARY KEY, code INT NULL);
INSERT INTO codes VALUES (1, 42), (2, NULL);
-- # up
ALTER TABLE codes MODIFY COLUMN code VARCHAR(20) NULL;
-- # write
UPDATE codes SET code = '007' WHERE id = 1;
INSERT INTO codes VALUES (3, 'x-9');
-- # down
SET sql_mode = '';
ALTER TABLE codes MODIFY COLUMN code INT NULL;
