-- New rows keep the default of the column that comes back.
-- # seed
CREATE TABLE posts (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(40));
INSERT INTO posts (title) VALUES ('a'), ('b');
-- # up
ALTER TABLE posts ADD COLUMN views INT UNSIGNED NOT NULL DEFAULT 7, ADD COLUMN pinned BOOLEAN NOT NULL DEFAULT FALSE;
-- # write
UPDATE posts SET views = 4000000000, pinned = TRUE WHERE id = 2;
-- # down
ALTER TABLE posts DROP COLUMN pinned, DROP COLUMN views;
-- # meanwhile
INSERT INTO posts (title) VALUES ('c');
