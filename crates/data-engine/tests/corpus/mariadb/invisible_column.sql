-- # seed
CREATE TABLE hidden (id INT PRIMARY KEY, a INT);
INSERT INTO hidden VALUES (1, 1), (2, 2);
CREATE VIEW hidden_shown AS SELECT id, a FROM hidden;
-- # up
ALTER TABLE hidden ADD COLUMN secret VARCHAR(20) INVISIBLE DEFAULT 'none';
CREATE VIEW secrets AS SELECT id, secret FROM hidden;
-- # write
UPDATE hidden SET secret = 'shh' WHERE id = 2;
-- # down
DROP VIEW secrets;
ALTER TABLE hidden DROP COLUMN secret;
