-- # seed
CREATE TABLE hits (page VARCHAR(20) PRIMARY KEY, n INT NOT NULL, seen DATE NULL);
INSERT INTO hits VALUES ('home', 5, NULL), ('about', 1, '2025-01-01');
-- # up
INSERT INTO hits VALUES ('home', 1, NULL), ('news', 1, NULL) ON DUPLICATE KEY UPDATE n = n + VALUES(n);
-- # write
UPDATE hits SET seen = '2025-02-03' WHERE page = 'home';
-- # down
INSERT INTO hits VALUES ('home', 5, NULL) ON DUPLICATE KEY UPDATE n = VALUES(n);
DELETE FROM hits WHERE page = 'news';
