-- Partitions of ranges are not looked into: removing one is refused, with nothing touched.
-- # seed
CREATE TABLE visits (id INT NOT NULL, day INT NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day) (PARTITION p1 VALUES LESS THAN (10), PARTITION p2 VALUES LESS THAN (20));
INSERT INTO visits VALUES (1, 5);
-- # up
ALTER TABLE visits ADD COLUMN page INT NULL;
-- # write
INSERT INTO visits VALUES (2, 15, 7);
-- # down
ALTER TABLE visits DROP COLUMN page;
ALTER TABLE visits DROP PARTITION p2;
-- # refused down
PARTITION
