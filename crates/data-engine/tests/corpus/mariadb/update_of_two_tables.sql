-- # seed
CREATE TABLE one (id INT PRIMARY KEY, v INT);
CREATE TABLE two (id INT PRIMARY KEY, v INT);
INSERT INTO one VALUES (1, 1), (2, 2);
INSERT INTO two VALUES (1, 10), (2, 20);
-- # up
UPDATE one JOIN two USING (id) SET one.v = two.v, two.v = 0;
-- # write
UPDATE one SET v = 77 WHERE id = 1;
-- # down
UPDATE one JOIN two USING (id) SET two.v = one.v, one.v = id;
-- # returned
UPDATE two SET v = 10 WHERE id = 1;
