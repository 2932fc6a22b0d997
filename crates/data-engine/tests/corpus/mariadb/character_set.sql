-- Letters that the narrower character set lacks come back.
-- # seed
CREATE TABLE texts (id INT PRIMARY KEY, body VARCHAR(50)) CHARACTER SET latin1;
INSERT INTO texts VALUES (1, 'Grüße'), (2, 'plain');
-- # up
ALTER TABLE texts CONVERT TO CHARACTER SET utf8mb4;
-- # write
UPDATE texts SET body = '回退 🦀' WHERE id = 2;
INSERT INTO texts VALUES (3, 'Ψ');
-- # down
SET sql_mode = '';
ALTER TABLE texts CONVERT TO CHARACTER SET latin1;
