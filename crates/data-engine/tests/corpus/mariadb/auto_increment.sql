-- Keys that were given out are not given out again.
-- # seed
CREATE TABLE jobs (id INT NOT NULL PRIMARY KEY, what VARCHAR(20));
INSERT INTO jobs VALUES (1, 'a');
-- # up
ALTER TABLE jobs MODIFY COLUMN id INT NOT NULL AUTO_INCREMENT;
-- # write
INSERT INTO jobs (what) VALUES ('b'), ('c');
-- # down
ALTER TABLE jobs MODIFY COLUMN id INT NOT NULL;
-- # meanwhile
DELETE FROM jobs WHERE id = 3;
INSERT INTO jobs VALUES (9, 'i');
