-- Columns split and joined again. The old names come back as they were, also over those that the down puts together.
-- # seed
CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(40) NULL);
INSERT INTO users VALUES (1, 'Ada Lovelace'), (2, 'Plato'), (3, NULL);
-- # up
ALTER TABLE users ADD COLUMN first VARCHAR(20) NULL, ADD COLUMN last VARCHAR(20) NULL;
UPDATE users SET first = SUBSTRING_INDEX(name, ' ', 1), last = IF(LOCATE(' ', name), SUBSTRING_INDEX(name, ' ', -1), NULL);
ALTER TABLE users DROP COLUMN name;
-- # write
UPDATE users SET first = 'Augusta Ada' WHERE id = 1;
INSERT INTO users VALUES (4, 'Jean Jacques', 'Rousseau');
-- # down
ALTER TABLE users ADD COLUMN name VARCHAR(40) NULL AFTER id;
UPDATE users SET name = CONCAT_WS(' ', first, last);
ALTER TABLE users DROP COLUMN first, DROP COLUMN last;
-- # returned
UPDATE users SET name = 'Ada Lovelace' WHERE id = 1;
UPDATE users SET name = NULL WHERE id = 3;
