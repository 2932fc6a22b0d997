-- # seed
CREATE TABLE mails (id INT PRIMARY KEY, mail VARCHAR(50));
INSERT INTO mails VALUES (1, 'a@example.com'), (2, 'b@example.com');
-- # up
CREATE UNIQUE INDEX by_mail ON mails (mail);
-- # write
INSERT IGNORE INTO mails VALUES (3, 'a@example.com'), (4, 'd@example.com');
-- # down
DROP INDEX by_mail ON mails;
