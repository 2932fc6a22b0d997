-- The history of a versioned table cannot be put aside: refused.
-- # seed
CREATE TABLE prices (id INT PRIMARY KEY, cents INT);
INSERT INTO prices VALUES (1, 100);
-- # up
ALTER TABLE prices ADD SYSTEM VERSIONING;
-- # write
UPDATE prices SET cents = 200;
-- # down
ALTER TABLE prices DROP SYSTEM VERSIONING;
-- # refused down
history of prices
