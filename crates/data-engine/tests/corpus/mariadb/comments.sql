-- # seed
CREATE TABLE commented (id INT PRIMARY KEY, a INT COMMENT 'first') COMMENT = 'it';
INSERT INTO commented VALUES (1, 1);
-- # up
ALTER TABLE commented COMMENT = 'it''s; -- "quoted" # 回', MODIFY COLUMN a INT COMMENT 'second';
-- # write
INSERT INTO commented VALUES (2, 2);
-- # down
ALTER TABLE commented COMMENT = 'it', MODIFY COLUMN a INT COMMENT 'first';
