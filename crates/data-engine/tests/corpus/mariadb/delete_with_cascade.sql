-- Rows that a foreign key takes along come back with theirs.
-- # seed
CREATE TABLE teams (id INT PRIMARY KEY, name VARCHAR(20));
CREATE TABLE members (id INT PRIMARY KEY, team INT, name VARCHAR(20), FOREIGN KEY (team) REFERENCES teams (id) ON DELETE CASCADE);
CREATE TABLE badges (id INT PRIMARY KEY, member INT, FOREIGN KEY (member) REFERENCES members (id) ON DELETE CASCADE);
INSERT INTO teams VALUES (1, 'one');
-- # up
INSERT INTO teams VALUES (10, 'pilots');
-- # write
INSERT INTO members VALUES (1, 1, 'Ada'), (2, 10, 'Bea'), (3, 10, 'Cid');
INSERT INTO badges VALUES (1, 1), (2, 2), (3, 3);
-- # down
DELETE FROM teams WHERE id = 10;
-- # meanwhile
INSERT INTO members VALUES (4, 1, 'Dan');
