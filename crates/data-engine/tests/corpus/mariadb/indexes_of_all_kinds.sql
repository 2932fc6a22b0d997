-- # seed
CREATE TABLE docs (id INT PRIMARY KEY, title VARCHAR(200), body TEXT, place POINT NOT NULL, n INT);
INSERT INTO docs VALUES (1, 'Rollback', 'back again', POINT(1, 2), 1), (2, 'Forward', NULL, POINT(3, 4), 2);
-- # up
ALTER TABLE docs ADD FULLTEXT INDEX words (title, body), ADD INDEX starts (title(10), n), ADD SPATIAL INDEX places (place);
-- # write
INSERT INTO docs VALUES (3, 'Third', 'words', POINT(5, 6), 3);
-- # down
ALTER TABLE docs DROP INDEX words, DROP INDEX starts, DROP INDEX places;
