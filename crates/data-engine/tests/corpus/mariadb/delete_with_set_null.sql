-- What pointed at a removed row points at it again.
-- # seed
CREATE TABLE rooms (id INT PRIMARY KEY, name VARCHAR(20));
CREATE TABLE desks (id INT PRIMARY KEY, room INT NULL, owner VARCHAR(20), FOREIGN KEY (room) REFERENCES rooms (id) ON DELETE SET NULL);
INSERT INTO rooms VALUES (1, 'one');
-- # up
INSERT INTO rooms VALUES (2, 'two');
-- # write
INSERT INTO desks VALUES (1, 1, 'Ada'), (2, 2, 'Bea'), (3, 2, 'Cid');
-- # down
DELETE FROM rooms WHERE id = 2;
-- # meanwhile
UPDATE desks SET owner = 'Eve' WHERE id = 3;
