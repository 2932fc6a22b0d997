-- # seed
CREATE TABLE orders (id INT PRIMARY KEY, state VARCHAR(9) NOT NULL DEFAULT 'new');
INSERT INTO orders (id) VALUES (1);
-- # up
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'open';
-- # write
INSERT INTO orders (id) VALUES (2);
-- # down
ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'new';
