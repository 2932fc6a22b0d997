-- A partitioned table as a whole goes and comes back.
-- # seed
CREATE TABLE others (id INT PRIMARY KEY);
-- # up
CREATE TABLE visits (id INT NOT NULL, day INT NOT NULL, page VARCHAR(20), PRIMARY KEY (id, day)) PARTITION BY RANGE (day) (PARTITION p1 VALUES LESS THAN (10), PARTITION p2 VALUES LESS THAN MAXVALUE);
-- # write
INSERT INTO visits VALUES (1, 5, 'a'), (2, 50, 'b');
-- # down
DROP TABLE visits;
