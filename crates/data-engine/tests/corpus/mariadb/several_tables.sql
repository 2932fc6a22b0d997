-- A release of some size: tables, columns, rows, a view and a trigger.
-- # seed
CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) NOT NULL, level VARCHAR(9) NOT NULL DEFAULT 'guest');
CREATE TABLE posts (id INT AUTO_INCREMENT PRIMARY KEY, user INT NOT NULL, title VARCHAR(40), FOREIGN KEY (user) REFERENCES users (id));
INSERT INTO users (name) VALUES ('Ada'), ('Bea');
INSERT INTO posts (user, title) VALUES (1, 'first'), (2, 'second');
-- # up
CREATE TABLE tags (id INT AUTO_INCREMENT PRIMARY KEY, tag VARCHAR(20) NOT NULL UNIQUE);
CREATE TABLE post_tags (post INT NOT NULL, tag INT NOT NULL, PRIMARY KEY (post, tag), FOREIGN KEY (post) REFERENCES posts (id) ON DELETE CASCADE, FOREIGN KEY (tag) REFERENCES tags (id));
INSERT INTO tags (tag) VALUES ('news'), ('tech');
ALTER TABLE posts ADD COLUMN slug VARCHAR(60) NULL, ADD UNIQUE INDEX by_slug (slug);
UPDATE posts SET slug = CONCAT('post-', id);
UPDATE users SET level = 'member' WHERE level = 'guest';
CREATE VIEW tagged AS SELECT posts.title, tags.tag FROM posts JOIN post_tags ON post_tags.post = posts.id JOIN tags ON tags.id = post_tags.tag;
CREATE TRIGGER slug_made BEFORE INSERT ON posts FOR EACH ROW SET NEW.slug = COALESCE(NEW.slug, CONCAT('new-', NEW.title));
-- # write
INSERT INTO posts (user, title) VALUES (1, 'third');
INSERT INTO tags (tag) VALUES ('rust');
INSERT INTO post_tags VALUES (1, 1), (3, 3);
UPDATE users SET level = 'admin' WHERE id = 1;
-- # down
DROP TRIGGER slug_made;
DROP VIEW tagged;
UPDATE users SET level = 'guest' WHERE level <> 'guest';
ALTER TABLE posts DROP INDEX by_slug, DROP COLUMN slug;
DROP TABLE post_tags;
DROP TABLE tags;
-- # meanwhile
UPDATE posts SET title = 'changed' WHERE id = 2;
-- # taken back
ALTER TABLE post_tags RENAME INDEX tag TO post_tags_ibfk_2;
