-- Bytes that are no text come back byte by byte.
-- # seed
CREATE TABLE files (id INT PRIMARY KEY, digest VARBINARY(4) NOT NULL);
INSERT INTO files VALUES (1, X'00FF10'), (2, '');
-- # up
ALTER TABLE files MODIFY COLUMN digest BLOB NOT NULL, ADD COLUMN thumb BINARY(3) NULL;
-- # write
UPDATE files SET digest = X'00FE0102030405', thumb = X'FFD800' WHERE id = 1;
INSERT INTO files VALUES (3, X'C328', X'000000');
-- # down
SET sql_mode = '';
ALTER TABLE files DROP COLUMN thumb;
ALTER TABLE files MODIFY COLUMN digest VARBINARY(4) NOT NULL;
