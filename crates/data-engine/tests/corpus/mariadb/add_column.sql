-- A column that a down drops comes back with its values; rows made meanwhile have its default.
-- # seed
CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL);
INSERT INTO users VALUES (1, 'Ada'), (2, 'Bea'), (3, 'Cid');
-- # up
ALTER TABLE users ADD COLUMN phone VARCHAR(20) NULL;
-- # write
UPDATE users SET phone = CONCAT('+49-', id) WHERE id < 3;
INSERT INTO users (id, name, phone) VALUES (4, 'Dan', '+1');
-- # down
ALTER TABLE users DROP COLUMN phone;
-- # meanwhile
DELETE FROM users WHERE id = 2;
INSERT INTO users (id, name) VALUES (5, 'Eve');
UPDATE users SET name = 'Ada L.' WHERE id = 1;
