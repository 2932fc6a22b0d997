-- Making a partitioned table of one is no atomic change: refused before anything happens.
-- # seed
CREATE TABLE visits (id INT NOT NULL, day INT NOT NULL, PRIMARY KEY (id, day));
INSERT INTO visits VALUES (1, 5);
-- # up
ALTER TABLE visits PARTITION BY HASH (day) PARTITIONS 4;
-- # write
-- # down
ALTER TABLE visits REMOVE PARTITIONING;
-- # refused up
ALTER TABLE … PARTITION changes several files
