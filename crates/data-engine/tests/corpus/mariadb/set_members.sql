-- # seed
CREATE TABLE rights (id INT PRIMARY KEY, may SET('read', 'write') NOT NULL DEFAULT '');
INSERT INTO rights VALUES (1, 'read'), (2, 'read,write');
-- # up
ALTER TABLE rights MODIFY COLUMN may SET('read', 'write', 'delete') NOT NULL DEFAULT '';
-- # write
UPDATE rights SET may = 'read,delete' WHERE id = 1;
-- # down
SET sql_mode = '';
ALTER TABLE rights MODIFY COLUMN may SET('read', 'write') NOT NULL DEFAULT '';
