-- Rows written without the index break it: the up says so, and the rows are left as they are.
-- # seed
CREATE TABLE mails (id INT PRIMARY KEY, mail VARCHAR(50));
INSERT INTO mails VALUES (1, 'a@example.com');
-- # up
CREATE UNIQUE INDEX by_mail ON mails (mail);
-- # write
INSERT INTO mails VALUES (2, 'b@example.com');
-- # down
DROP INDEX by_mail ON mails;
-- # meanwhile
INSERT INTO mails VALUES (3, 'a@example.com');
-- # refused again
Duplicate entry
