-- Parent and child are dropped and made together, and come back with what people wrote.
-- # seed
CREATE TABLE settings (id INT PRIMARY KEY);
-- # up
CREATE TABLE groups_of (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) UNIQUE);
CREATE TABLE group_rights (group_id INT NOT NULL, action VARCHAR(20) NOT NULL, PRIMARY KEY (group_id, action), CONSTRAINT right_of FOREIGN KEY (group_id) REFERENCES groups_of (id) ON DELETE CASCADE);
INSERT INTO groups_of (id, name) VALUES (1, 'admins'), (2, 'guests');
INSERT INTO group_rights VALUES (1, 'all'), (2, 'read');
-- # write
UPDATE groups_of SET name = 'visitors' WHERE id = 2;
INSERT INTO groups_of (name) VALUES ('editors');
INSERT INTO group_rights VALUES (3, 'write');
-- # down
DROP TABLE group_rights, groups_of;
