-- A seed that people deleted is the script's again: what it writes stays, and comes back no second time.
-- # seed
CREATE TABLE settings (id INT PRIMARY KEY);
-- # up
CREATE TABLE colours (id INT PRIMARY KEY, name VARCHAR(20));
INSERT INTO colours VALUES (1, 'red'), (2, 'green');
-- # write
DELETE FROM colours WHERE id = 2;
INSERT INTO colours VALUES (3, 'blue');
-- # down
DROP TABLE colours;
-- # promised
INSERT INTO colours VALUES (2, 'green');
