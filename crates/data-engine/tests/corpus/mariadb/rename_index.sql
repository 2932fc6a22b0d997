-- # seed
CREATE TABLE indexed (id INT PRIMARY KEY, a INT, KEY old_name (a));
INSERT INTO indexed VALUES (1, 1);
-- # up
ALTER TABLE indexed RENAME INDEX old_name TO new_name;
-- # write
INSERT INTO indexed VALUES (2, 2);
-- # down
ALTER TABLE indexed RENAME INDEX new_name TO old_name;
