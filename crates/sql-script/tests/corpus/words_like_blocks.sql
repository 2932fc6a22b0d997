CREATE TABLE begin_end (`begin` INT, `end` INT, `if` INT, `case` INT);
INSERT INTO begin_end VALUES (1, 2, 3, 4);
SELECT `begin` AS 'BEGIN', `end` AS end_ FROM begin_end;
INSERT INTO begin_end SELECT IF(1, 2, 3), REPEAT('1', 2), 5, 6;
