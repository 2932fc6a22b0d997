-- # seed
CREATE TABLE balances (id INT PRIMARY KEY, cents INT UNSIGNED NOT NULL);
INSERT INTO balances VALUES (1, 100);
-- # up
ALTER TABLE balances MODIFY COLUMN cents BIGINT NOT NULL;
-- # write
UPDATE balances SET cents = -5 WHERE id = 1;
INSERT INTO balances VALUES (2, 4294967296);
-- # down
SET sql_mode = '';
ALTER TABLE balances MODIFY COLUMN cents INT UNSIGNED NOT NULL;
