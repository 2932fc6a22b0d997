SET @a = 'x;y', @`b;c` = 2;
SET @n := 5;
CREATE TABLE t (a VARCHAR(9), b INT);
INSERT INTO t VALUES (@a, @`b;c` + @n);
