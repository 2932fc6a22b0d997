-- People undid by hand what the up had done to a row: taking the down back does not do it again.
-- # seed
CREATE TABLE articles (id INT PRIMARY KEY, state VARCHAR(20) NOT NULL);
INSERT INTO articles VALUES (1, 'draft'), (2, 'draft'), (3, 'out');
-- # up
UPDATE articles SET state = 'pending' WHERE state = 'draft';
-- # write
UPDATE articles SET state = 'draft' WHERE id = 2;
-- # down
UPDATE articles SET state = 'draft' WHERE state = 'pending';
-- # promised
UPDATE articles SET state = 'pending' WHERE id = 2;
