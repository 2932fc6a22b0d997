-- # seed
CREATE TABLE flags (id INT PRIMARY KEY);
INSERT INTO flags VALUES (1), (2);
-- # up
ALTER TABLE flags ADD COLUMN IF NOT EXISTS colour CHAR(7) NOT NULL DEFAULT '#000000';
-- # write
UPDATE flags SET colour = '#ff0000' WHERE id = 2;
-- # down
ALTER TABLE flags DROP COLUMN IF EXISTS colour;
