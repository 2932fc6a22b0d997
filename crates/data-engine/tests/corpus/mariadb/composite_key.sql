-- # seed
CREATE TABLE votes (poll INT NOT NULL, voter VARCHAR(20) NOT NULL, choice INT, PRIMARY KEY (poll, voter));
INSERT INTO votes VALUES (1, 'ada', 1), (1, 'bea', 2), (2, 'ada', 3);
-- # up
ALTER TABLE votes ADD COLUMN weight DECIMAL(5,2) NOT NULL DEFAULT 1;
UPDATE votes SET weight = 2 WHERE voter = 'ada';
-- # write
UPDATE votes SET weight = 0.25 WHERE poll = 1 AND voter = 'bea';
INSERT INTO votes VALUES (2, 'Bea', 1, 7.5);
-- # down
ALTER TABLE votes DROP COLUMN weight;
-- # meanwhile
DELETE FROM votes WHERE poll = 1 AND voter = 'ada';
INSERT INTO votes (poll, voter, choice) VALUES (3, 'cid', 1);
