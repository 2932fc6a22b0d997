delimiter $$
CREATE TABLE t (a VARCHAR(9))$$
INSERT INTO t VALUES ('$'), (';')$$
Delimiter ;
INSERT INTO t VALUES ('x');
