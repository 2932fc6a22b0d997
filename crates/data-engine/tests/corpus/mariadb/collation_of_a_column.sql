-- # seed
CREATE TABLE names (id INT PRIMARY KEY, name VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci);
INSERT INTO names VALUES (1, 'Zoë'), (2, 'ZOE');
-- # up
ALTER TABLE names MODIFY COLUMN name VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- # write
UPDATE names SET name = 'zoe' WHERE name = 'ZOE';
-- # down
ALTER TABLE names MODIFY COLUMN name VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
